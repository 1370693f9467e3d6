"""What is a set of examples, and what do metrics compute from two sets?"""
