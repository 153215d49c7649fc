"""What a mutation is."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """A named fault: `was` stands once in the file at `path`, and `becomes` takes its place."""

    name: str
    path: str
    was: str
    becomes: str
    tests: str  # arguments of pytest: what is to notice it
