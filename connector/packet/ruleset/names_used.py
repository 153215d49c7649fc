"""The names that mapping files use: kinds, resource types, codes of systems known whole."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from pydantic import BaseModel

from ...fhir.types import TYPES
from .file import Read, wrong
from .kinds import Kind, types_of
from .matching import Match

T = TypeVar("T")
_KINDS = ("kind", "not_kind", "broader")
Where = tuple[str | int, ...]


@dataclass(frozen=True)
class Names:
    """What may be named. `systems`: code systems that are known whole, with their codes."""

    kinds: Mapping[str, Kind]
    systems: Mapping[str, Set[str]]

    @cached_property
    def types(self) -> Mapping[str, frozenset[str]]:
        """The resource types in which records of each kind live."""
        return types_of(self.kinds)

    def check(self, found: Read[Any]) -> None:
        """`UsageError` for the first name in a file that nothing has."""
        for where, name, value in _lists(found.written, ()):
            for text in value:
                if problem := self._problem(name, str(text)):
                    raise wrong(found.place(*where), problem)

    def _problem(self, name: str, text: str) -> str:
        if name in _KINDS:
            return "" if text in self.kinds else f"{text}: no such kind in kinds/"
        if name == "types":
            return "" if text in TYPES else f"{text}: no such resource type in R4"
        system, _, code = text.rpartition("|")
        if system in self.systems and code not in self.systems[system]:
            return f"{text}: that code system has no such code (codesystems.yaml)"
        return ""


def used(*rules: Any) -> frozenset[str]:
    """The kinds that rules name: those of files, checklists, items."""
    return frozenset(
        name
        for match in _matches(rules)
        for names in (match.kind, match.not_kind)
        for name in names
    )


def expanded(value: T, types: Mapping[str, frozenset[str]]) -> T:
    """Rules as they are applied: one that names kinds and no type, for each type of these kinds.

    `types`: those of each kind.
    """
    if isinstance(value, Match):
        return value
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        new = {name: expanded(field, types) for name, field in fields.items()}
        changed = {name: field for name, field in new.items() if field is not fields[name]}
        return value.model_copy(update=changed) if changed else value
    if not isinstance(value, tuple) or not any(isinstance(each, BaseModel) for each in value):
        return value
    found: list[Any] = []
    for each in value:
        if isinstance(each, Match) and not each.type:
            of = frozenset[str]().union(*(types.get(name, ()) for name in each.kind))
            found += [each.model_copy(update={"type": name}) for name in sorted(of)]
        else:
            found.append(expanded(each, types))
    same = len(found) == len(value) and all(a is b for a, b in zip(found, value, strict=True))
    return value if same else tuple(found)  # type: ignore[return-value]


def _matches(value: Any) -> Iterator[Match]:
    if isinstance(value, Match):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _matches(getattr(value, name))
    elif isinstance(value, tuple):
        for each in value:
            yield from _matches(each)


def _lists(node: Any, where: Where) -> Iterator[tuple[Where, str, list[Any]]]:
    """Where lists of kinds, types and codes stand, what they are called, and what is in them."""
    if isinstance(node, list):
        for number, child in enumerate(node):
            yield from _lists(child, (*where, number))
    if isinstance(node, dict):
        for name, child in node.items():
            if name == "examples":
                continue
            here = (*where, name)
            if name in (*_KINDS, "types", "code", "category") and isinstance(child, list):
                yield here, name, child
            elif name == "type":
                yield here, "types", [child]
            yield from _lists(child, here)
