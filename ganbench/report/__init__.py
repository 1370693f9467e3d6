"""How are results presented to a person? (tables, figures and progress)"""
