"""In which order and in which writes the packet leaves: along its references, within limits."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..fhir.references import reference_order, spans
from ..store import packet
from ..store.casefile import CaseFile
from .desk import key_of

Unit = list[str]  # entries that refer to each other in a circle: they can only go together

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
    units: list[Unit], sizes: dict[str, int], entries_max: int, bytes_max: float
) -> Iterator[list[Unit]]:
    """Units in writes of at most `entries_max` and `bytes_max`; one that is larger goes alone."""
    write: list[Unit] = []
    entries, size = 0, 0
    for unit in units:
        unit_size = sum(sizes[key] for key in unit)
        if write and (entries + len(unit) > entries_max or size + unit_size > bytes_max):
            yield write
            write, entries, size = [], 0, 0
        write.append(unit)
        entries += len(unit)
        size += unit_size
    if write:
        yield write
