"""The mutations, the never-rules first (docs/architecture.md)."""

from .mutant import Mutant
from .network import NETWORK
from .person import PERSON
from .release import RELEASE
from .told import TOLD
from .write import WRITE

__all__ = ["MUTANTS", "Mutant"]

MUTANTS: tuple[Mutant, ...] = (*PERSON, *WRITE, *TOLD, *RELEASE, *NETWORK)
