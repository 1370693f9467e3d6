"""Which real examples is a run trained and scored on, and how are they loaded?"""
