"""How is one run carried out, from its spec to its record?"""
