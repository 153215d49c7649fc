"""Cut references to withheld records out of a record, with as little around them as possible.

The element goes that is the smallest one R4 allows to be absent: the models of the gate say which.
The narrative goes too, since it may say in words what was cut.
"""

import copy
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from ..errors import Held
from ..fhir.gate import check

Path = tuple[str | int, ...]


def cut(resource: dict[str, Any], withheld: Collection[str]) -> dict[str, Any]:
    """A copy of a decoded resource in which none of the `withheld` reference strings stands.

    Raises `Held` when an element that must be there is about nothing else.
    """
    resource = copy.deepcopy(resource)
    resource.pop("text", None)
    before = _findings(resource)
    while (path := next(_paths(resource, withheld), None)) is not None:
        resource = _smallest(resource, path, before)
    return resource


def _smallest(resource: dict[str, Any], path: Path, before: Counter[str]) -> dict[str, Any]:
    for length in range(len(path), 0, -1):
        candidate = copy.deepcopy(resource)
        _remove(candidate, path[:length])
        if _findings(candidate) <= before:
            return candidate
    raise Held(
        "withheld-required",
        f"a {resource['resourceType']} can't be sent without a record that is withheld",
        "Exclude it in the request, or obtain the patient's authorization for the other.",
    )


def _remove(resource: Any, path: Path) -> None:
    """Take out the element at `path`, and every list or object that this leaves empty."""
    parents = [resource]
    for step in path[:-1]:
        parents.append(parents[-1][step])
    for parent, step in zip(reversed(parents), reversed(path), strict=True):
        del parent[step]
        if parent:
            return


def _paths(node: Any, withheld: Collection[str], path: Path = ()) -> Iterator[Path]:
    """Where the Reference objects stand that hold one of the strings."""
    if isinstance(node, dict):
        reference = node.get("reference")
        if path and isinstance(reference, str) and reference in withheld:
            yield path
            return
        for name, child in node.items():
            yield from _paths(child, withheld, (*path, name))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _paths(child, withheld, (*path, index))


def _findings(resource: dict[str, Any]) -> Counter[str]:
    # Without positions: taking one of a list out moves the others up.
    return Counter(
        ".".join(part for part in finding.split(".") if not part.isdigit())
        for finding in check(copy.deepcopy(resource))
    )
