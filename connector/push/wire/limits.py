"""How much one write may hold: as configured, or less where the destination said 413."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..session import Session


@dataclass
class Limits:
    """How much one write may hold. They shrink when the destination says that it was too much.

    `apart`: whether entries of one write can't refer to each other (outside a transaction).
    """

    entries: int
    bytes: float
    apart: bool = False

    def shrink(self, entries: int, size: float) -> None:
        """A write of `entries` and `size` bytes was too much: halves from now on."""
        self.entries = max(1, min(self.entries, entries // 2))
        self.bytes = min(self.bytes, size / 2)

    def take(self, entries: int, size: float) -> bool:
        return entries <= self.entries and size <= self.bytes


def limits_of(session: Session) -> Limits:
    """What is configured, or less if the destination said 413 to less."""
    way, bundle = session.way(), session.settings.bundle
    limits = Limits(bundle.max_entries, bundle.max_megabytes * 1_000_000, way != "transaction")
    if way == "single":
        limits.entries = 1
    if learned := session.case.state.limits:
        limits.entries = min(limits.entries, learned["entries"])
        limits.bytes = min(limits.bytes, learned["bytes"])
    return limits


def learn(session: Session, limits: Limits, keys: Sequence[str], sizes: Mapping[str, int]) -> None:
    """A write of `keys` was too much: halve the limits, and remember that for this case."""
    limits.shrink(len(keys), sum(sizes[key] for key in keys))
    session.case.state.limits = {"entries": limits.entries, "bytes": limits.bytes}
