"""What do FAKE and REAL mean? (a path, a data set, a run, a program, a function, features or statistics)"""
