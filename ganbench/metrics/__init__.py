"""How good and how diverse are the generated examples?

Pure functions of features; one family of metrics a file.
"""
