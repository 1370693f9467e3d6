"""What does each command do? (a module is imported when its command is used)"""
