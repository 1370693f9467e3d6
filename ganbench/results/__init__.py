"""What was measured, under what protocol, and where is it kept?"""
