"""What are the real images, and are they the same ones as last time?"""
