"""How fast are training and sampling?"""
