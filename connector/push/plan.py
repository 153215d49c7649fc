"""In which order and in which writes the packet leaves: along its references, within limits."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..fhir.references import reference_order, spans
from ..store import packet
from ..store.casefile import CaseFile
from .desk import key_of

Unit = list[str]  # entries that refer to each other in a circle: they go together if they can

# What an entry costs in a Bundle beside its resource: fullUrl, method, url, condition.
_ENVELOPE_BYTES = 400


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


@dataclass(frozen=True)
class Survey:
    """The packet without its bodies: bytes of each entry, and the entries it refers to."""

    sizes: dict[str, int]
    edges: dict[str, list[str]]

    def units(self, keys: list[str]) -> list[Unit]:
        """`keys` in an order in which references point backwards or into the unit."""
        return reference_order({key: self.edges[key] for key in keys})

    def referred_by(self, keys: set[str]) -> set[str]:
        """What `keys` refer to."""
        return {target for key in keys for target in self.edges[key]}


def survey(case: CaseFile) -> Survey:
    """Read every entry once; only names and sizes stay in memory."""
    sizes: dict[str, int] = {}
    values: dict[str, set[str]] = {}
    for entry in packet.entries(case):
        sizes[key_of(entry)] = len(entry.body) + _ENVELOPE_BYTES
        values[key_of(entry)] = {span.value for span in spans(entry.body)}
    edges = {key: sorted(found & sizes.keys()) for key, found in values.items()}
    return Survey(sizes, edges)


def pack(
    units: Sequence[Unit],
    sizes: Mapping[str, int],
    limits: Limits,
    edges: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[list[Unit]]:
    """Units in writes within `limits`, which are looked at anew for each write.

    A unit that is too large for one write comes apart: its entries follow each other, and some
    refer to one that comes later. An entry too large by itself goes alone. `edges`: where entries
    of one write must not refer to each other.
    """
    if limits.apart:
        units = _by_level([[key] for unit in units for key in unit], edges or {})
    write: list[Unit] = []
    entries, size, held = 0, 0, set[str]()
    for unit in _apart(units, sizes, limits):
        unit_size = sum(sizes[key] for key in unit)
        fits = limits.take(entries + len(unit), size + unit_size)
        refers = limits.apart and any(t in held for t in (edges or {}).get(unit[0], ()))
        if write and (refers or not fits):
            yield write
            write, entries, size, held = [], 0, 0, set()
        write.append(unit)
        entries += len(unit)
        size += unit_size
        held.update(unit)
    if write:
        yield write


def _apart(units: Sequence[Unit], sizes: Mapping[str, int], limits: Limits) -> Iterator[Unit]:
    for unit in units:
        if limits.take(len(unit), sum(sizes[key] for key in unit)):
            yield unit
        else:
            yield from ([key] for key in unit)


def _by_level(units: Sequence[Unit], edges: Mapping[str, Sequence[str]]) -> list[Unit]:
    """First what refers to nothing here, then what refers to those, and so on."""
    level: dict[str, int] = {}
    for [key] in units:
        level[key] = 1 + max((level.get(target, 0) for target in edges.get(key, ())), default=0)
    return sorted(units, key=lambda unit: level[unit[0]])
