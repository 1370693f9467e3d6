"""What do several variants share? (layers and losses; each variant shows its own method)"""
