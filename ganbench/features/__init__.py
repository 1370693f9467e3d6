"""What does a feature network see?"""
