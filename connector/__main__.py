"""`python -m connector`."""

from .cli import main

main()
