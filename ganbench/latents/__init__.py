"""What lies between latents, and along which directions do images change?"""
