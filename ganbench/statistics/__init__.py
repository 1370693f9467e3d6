"""Which conclusions do several runs support together?"""
