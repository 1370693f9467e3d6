"""How and where are the runs of a matrix executed?"""
