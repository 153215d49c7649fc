"""References of a packet to types that R4 does not allow at their element.

A source may keep them (a performer that is a Location); a server that checks refuses the record,
and with it the whole transaction.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...fhir import gate
from ...fhir.lossless import decode
from ...fhir.references import literal
from ...store.case.casefile import CaseFile
from ...store.mapped.packet import entries


def not_allowed(case: CaseFile) -> dict[str, int]:
    """How many references of the packet each `Type.element -> Type` has that R4 does not allow."""
    found = Counter[str]()
    for entry in entries(case):
        resource = decode(entry.body)
        for path, target in _references(resource, ()):
            allowed = gate.targets(entry.type, *path)
            if allowed is not None and target not in allowed:
                found[f"{'.'.join((entry.type, *path))} -> {target}"] += 1
    return dict(sorted(found.items()))


def _references(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each literal reference: the names of the elements that lead to it, and its type."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item, path)
    if not isinstance(value, dict):
        return
    reference = value.get("reference")
    if isinstance(reference, str) and (named := literal(reference)):
        yield path, named.type
    for name, item in value.items():
        if name != "contained":  # their elements are those of other types
            yield from _references(item, (*path, name))
