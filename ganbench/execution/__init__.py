"""Where do the runs of a matrix execute?"""
