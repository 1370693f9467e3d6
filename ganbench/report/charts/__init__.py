"""How are figures drawn? (small SVG charts of one style, for pages, files and notebooks)"""
