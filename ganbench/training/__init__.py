"""How is one variant trained?"""
