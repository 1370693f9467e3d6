"""Which features do metrics compare, and how are they computed?"""
