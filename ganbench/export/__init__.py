"""How does a generator leave the suite, so that it can come back through ``score``?"""
