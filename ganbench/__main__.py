"""How is ganbench started as a module? (``python -m ganbench``)"""

from ganbench.cli import main

main()
