"""What can be concluded from several runs together?"""
