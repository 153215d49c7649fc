"""The records that stay behind, and every way in which another may name them. Pure."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ...fhir.references import objects, other_names
from ..record.links import Links, identifier_token, own_identifiers
from .mentions import Mentions

_TYPE = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)(?:\?|/[^/]+(?:/_history/.*)?$)")
OWN = frozenset({"id", "resourceType", "data"})  # strings that name the record itself, or bytes


class Withheld:
    """The withheld records, and whether a Reference names one of them, however it does.

    `concerns`: the keys of the records in which something may have to go. `beside`: elements that
    say in words what the reference in another one (`element`, `Type.element`) does. `told_in`:
    `Type.element` of a withheld record → elements of the record it refers to there, that do so too.
    `owners`: values of business identifiers → the keys of all records of the chart that have them;
    one that a record which stays has too names no withheld one.
    """

    def __init__(
        self,
        links: Links,
        beside: Mapping[str, Iterable[str]] | None = None,
        told_in: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self.concerns: set[str] = set()
        self.beside = beside or {}
        self.owners: Mapping[str, Collection[str]] = {}
        self._told_in = told_in or {}
        self._words: dict[str, set[str]] = defaultdict(set)  # key → elements that go
        self._links = links
        self._keys: set[str] = set()
        self._mentions: Mentions | None = None
        self._types: dict[str, set[str]] = defaultdict(set)  # id or identifier → types
        self._values: dict[str, set[str]] = defaultdict(set)  # of identifiers → keys

    def add(self, key: str, resource: dict[str, Any] | None) -> list[str]:
        """One more, decoded if it can be. Returns every name it has: key, id, identifiers."""
        resource_type, _, resource_id = key.partition("/")
        names = [resource_id]
        for identifier in own_identifiers(resource or {}):
            names.append(identifier_token(identifier))
            self._values[str(identifier["value"])].add(key)
        for element, words in self._told_in.items():
            kind, _, name = element.partition(".")
            value = (resource or {}).get(name) if kind == resource_type else None
            reference = value.get("reference") if isinstance(value, dict) else None
            if isinstance(reference, str) and (there := self._links.key(reference)):
                self._words[there].update(words)
                self.concerns.add(there)
        self._keys.add(key)
        self._mentions = None
        for name in names:
            self._types[name].add(resource_type)
        return [key, *names]

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def meant_by(self, node: dict[str, Any]) -> bool:
        """Whether an object is a Reference to a withheld record.

        A reference that can't be resolved counts if it ends in the record's id: it may be another
        address of the same server.
        """
        reference, identifier = node.get("reference"), node.get("identifier")
        stated = node.get("type")
        if isinstance(reference, str):
            if key := self._links.key(reference):
                return key in self._keys
            written = _TYPE.match(reference)
            kind = written[1] if written else stated
            if any(self._is(name, kind) for name in other_names(reference)):
                return True
        if isinstance(identifier, dict) and "resourceType" not in node:
            return self._is(identifier_token(identifier), stated)
        return False

    def words_in(self, resource: dict[str, Any]) -> set[str]:
        """Elements of a record that say what a withheld one is, and are there."""
        key = f"{resource.get('resourceType')}/{resource.get('id')}"
        return self._words.get(key, set()) & resource.keys()

    def named_in(self, text: str) -> bool:
        """Whether a string names a withheld record."""
        if self._mentions is None:
            own = {
                value: keys
                for value, keys in self._values.items()
                if self._keys.issuperset(self.owners.get(value, ()))
            }
            self._mentions = Mentions(self._keys, own)
        return any(True for _ in self._mentions.of(text))

    def _is(self, name: str, resource_type: object) -> bool:
        types = self._types.get(name, ())
        return bool(types) and (not isinstance(resource_type, str) or resource_type in types)


def local_names(resource: dict[str, Any]) -> Iterator[str]:
    """References of a record to what it contains."""
    for node in objects(resource):
        if isinstance(reference := node.get("reference"), str) and reference.startswith("#"):
            yield reference
