"""Never twice, never half, never over the receiver's work."""

from .mutant import Mutant

WRITE: tuple[Mutant, ...] = ()
