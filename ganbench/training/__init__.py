"""How is a variant trained?"""
