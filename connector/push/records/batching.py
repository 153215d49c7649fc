"""In which order and in which writes the packet leaves: along its references, within limits."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...fhir.reference_order import reference_order
from ...fhir.references import spans
from ...store.case.casefile import CaseFile
from ...store.mapped import packet, update
from .. import binaries
from ..session import key_of
from ..wire.limits import Limits

Unit = list[str]  # entries that refer to each other in a circle: they go together if they can

# What an entry costs in a Bundle beside its resource: fullUrl, method, url, condition.
_ENVELOPE_BYTES = 400


@dataclass(frozen=True)
class Survey:
    """The packet without its bodies: bytes of each entry, and the entries it refers to."""

    sizes: dict[str, int]
    edges: dict[str, list[str]]

    def units(self, keys: list[str]) -> list[Unit]:
        """`keys` in an order in which references point backwards or into the unit."""
        return reference_order({key: self.edges[key] for key in keys})

    def reached_from(self, keys: set[str]) -> set[str]:
        """`keys`, and all that they refer to, directly or not."""
        found, new = set[str](), keys
        while new:
            found |= new
            new = self.referred_by(new) - found
        return found

    def referred_by(self, keys: set[str]) -> set[str]:
        """What `keys` refer to."""
        return {target for key in keys for target in self.edges[key]}


def flat(units: list[Unit]) -> list[str]:
    """The entries of `units`, in their order."""
    return [key for unit in units for key in unit]


def survey(case: CaseFile, bytes_max: float) -> Survey:
    """Read every entry once; only names and sizes stay in memory.

    The attachments of an entry larger than `bytes_max` are to go ahead of it, each for itself.
    """
    sizes: dict[str, int] = {}
    values: dict[str, set[str]] = {}
    patients = {f"{t}/{i}" for t, i in packet.keys(case) if t == "Patient"}
    renewed = update.renewed(case)
    for entry in update.outgoing(case):
        key = key_of(entry)
        sizes[key] = len(entry.body) + _ENVELOPE_BYTES
        values[key] = {span.value for span in spans(entry.body)}
        if sizes[key] > bytes_max:
            ahead = binaries.open_up(case, entry)
            values[key] |= ahead.keys()
            sizes[key] -= sum(ahead.values())
            sizes |= {binary: size + _ENVELOPE_BYTES for binary, size in ahead.items()}
            values |= dict.fromkeys(ahead, patients)
    # Each Binary says whose it is.
    # What refers to an entry that goes anew means the new one.
    edges = {
        key: sorted({renewed.get(value, value) for value in found} & sizes.keys())
        for key, found in values.items()
    }
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
    entries, size, held, wanted = 0, 0, set[str](), set[str]()
    for unit in _apart(units, sizes, limits):
        unit_size = sum(sizes[key] for key in unit)
        fits = limits.take(entries + len(unit), size + unit_size)
        targets = (edges or {}).get(unit[0], ()) if limits.apart else ()
        refers = unit[0] in wanted or not held.isdisjoint(targets)
        if write and (refers or not fits):
            yield write
            write, entries, size, held, wanted = [], 0, 0, set(), set()
        write.append(unit)
        entries += len(unit)
        size += unit_size
        held.update(unit)
        wanted.update(targets)
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
