"""What tells of a withheld record, by the elements that link the two (release/shadows.yaml)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..record.links import Links
from ..ruleset.release_rules import Shadows
from .withheld import Withheld

_Paths = Mapping[str, tuple[tuple[str, ...], ...]]  # resource type → member names below it


class Tellers:
    """Says what goes with a withheld record, beside what can't be without it."""

    def __init__(self, shadows: Shadows, links: Links) -> None:
        self._links = links
        self._with = _by_type(shadows.with_)
        self._with_all = _by_type(shadows.with_all)
        self._takes = _by_type(shadows.takes)
        self._orders = _by_type(shadows.takes_last)
        self._grounds = _by_type(shadows.takes_reports)

    def tells(self, resource: dict[str, Any], withheld: Withheld) -> bool:
        """Whether a record says in words or parts what one of the withheld is."""
        if any(withheld.meant_by(node) for node in _at(resource, self._with)):
            return True
        reasons = list(_at(resource, self._with_all))
        return bool(reasons) and all(withheld.meant_by(node) for node in reasons)

    def taken(self, resource: dict[str, Any]) -> Iterator[str]:
        """Keys of the parts and other versions of a record."""
        return self._keys(_at(resource, self._takes))

    def orders(self, resource: dict[str, Any]) -> set[str]:
        """Keys of the orders that a record was done on."""
        return set(self._keys(_at(resource, self._orders)))

    def grounds(self, resource: dict[str, Any]) -> set[str]:
        """Keys of what a result and its report have in common: an order, a specimen."""
        return set(self._keys(_at(resource, self._grounds)))

    def _keys(self, nodes: Iterable[dict[str, Any]]) -> Iterator[str]:
        for node in nodes:
            reference = node.get("reference")
            if isinstance(reference, str) and (key := self._links.key(reference)):
                yield key


def _by_type(paths: Iterable[str]) -> _Paths:
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for path in paths:
        name, *below = path.split(".")
        found[name] = (*found.get(name, ()), tuple(below))
    return found


def _at(resource: dict[str, Any], paths: _Paths) -> Iterator[dict[str, Any]]:
    for below in paths.get(str(resource.get("resourceType")), ()):
        yield from _below(resource, below)


def _below(value: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _below(item, path)
    elif isinstance(value, dict):
        if path:
            yield from _below(value.get(path[0]), path[1:])
        else:
            yield value
