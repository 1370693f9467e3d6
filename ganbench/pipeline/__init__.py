"""How does one run go from spec to record?"""
