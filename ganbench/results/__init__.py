"""What was measured, under which protocol, and where is it stored?"""
