"""What is a set of examples, and what is known of two of them together?"""
