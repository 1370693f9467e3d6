"""What can a user name as FAKE and REAL? (a path, a data set, a run, a program, a function, features or statistics)"""
