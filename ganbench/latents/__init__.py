"""How do generated images change between latents, and along which directions?"""
