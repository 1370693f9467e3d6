"""Did it collapse, lose modes or repeat itself?"""
