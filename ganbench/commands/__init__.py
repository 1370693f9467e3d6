"""What does each verb do? (one module each, imported when its verb is used)"""
