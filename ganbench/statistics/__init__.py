"""What do several runs say together?"""
