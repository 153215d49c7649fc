"""What a long step tells while it works. Numbers and FHIR type names only, never content."""

from typing import Protocol


class Progress(Protocol):
    """Where progress goes: a terminal bar, a log line, or nowhere."""

    def __call__(self, step: str, done: int, total: int | None, note: str = "") -> None:
        """`step` ("pull", "push", "read back"): `done` of `total` (None: not known yet)."""


def silent(step: str, done: int, total: int | None, note: str = "") -> None:
    """Progress for nobody."""
