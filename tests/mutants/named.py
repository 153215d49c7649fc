"""The mutations: what each breaks, where, and the tests that are to notice it."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """`was` stands once in the file at `path`, and `becomes` takes its place."""

    name: str
    path: str
    was: str
    becomes: str
    tests: str  # arguments of pytest


MUTANTS: tuple[Mutant, ...] = ()
