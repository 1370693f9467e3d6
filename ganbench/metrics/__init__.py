"""How good and how diverse are the generated examples?

Each module holds one family of metrics, as pure functions of features.
"""
