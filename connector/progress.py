"""What a long step tells while it works. Numbers and FHIR type names only, never content."""

import threading
from collections.abc import Collection, Mapping
from typing import Protocol

Figures = Mapping[str, int | float | str]


class Progress(Protocol):
    """Where progress goes: a terminal bar, a log line, or nowhere."""

    def __call__(
        self,
        step: str,
        done: int,
        total: int | None,
        note: str = "",
        figures: Figures | None = None,
    ) -> None:
        """`step` ("pull", "push", "read back"): `done` of `total` (None: not known yet).

        `figures`: what has come so far, by name (of a pull: see `Tally`).
        """


def silent(
    step: str, done: int, total: int | None, note: str = "", figures: Figures | None = None
) -> None:
    """Progress for nobody."""


class Tally:
    """What one run of a pull brought so far, counted by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._types: set[str] = set()
        self._pages = self._resources = self._bytes = 0
        self._times: dict[str, float] = {}

    def page(self, query: str, size: int, seconds: float) -> None:
        """One more page of `query` came: `size` in bytes, after `seconds`."""
        with self._lock:
            self._pages += 1
            self._bytes += size
            self._times[query] = self._times.get(query, 0.0) + seconds

    def resources(self, types: Collection[str]) -> None:
        """Resources were stored: the type of each."""
        with self._lock:
            self._types.update(types)
            self._resources += len(types)

    def figures(self) -> Figures:
        """types, pages, resources, bytes; and slowest, the query that took longest, slowest_s."""
        with self._lock:
            slowest = max(self._times, key=lambda name: self._times[name], default="")
            return {
                "types": len(self._types),
                "pages": self._pages,
                "resources": self._resources,
                "bytes": self._bytes,
                "slowest": slowest,
                "slowest_s": round(self._times.get(slowest, 0.0), 3),
            }
