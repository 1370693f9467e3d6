"""Did the generator collapse, lose modes or repeat its outputs?"""
