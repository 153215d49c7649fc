"""A mapping set, loaded: what an informaticist changes without Python.

mappings/README.md says what each file decides; `loading.py` reads and checks them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import UsageError
from ...mappingfiles import MappingFiles
from ...request import KeyQuestion
from .content_rules import Programme, Terminology
from .kinds import Kind
from .release_rules import (
    ConsentTerms,
    EndpointSecrets,
    Heuristic,
    LabelTerms,
    Never,
    Release,
    Shadows,
)
from .rules import Advice, Checklist, Order, Place, Sections, Selection, Status, Template

_NO_PROGRAMME = Programme(version="0", about="a destination that names no programme")


@dataclass(frozen=True)
class Mappings:
    """The whole set. Dictionaries are by file name, `orders` by key question, `kinds` by id.

    `places`: where the rule of an id stands; of a checklist's item its `Checklist` says it.
    """

    files: MappingFiles
    kinds: dict[str, Kind]
    checklists: dict[str, Checklist]
    status: Status
    selection: Selection
    advice: Advice
    release: Release
    heuristic: Heuristic
    labels: LabelTerms
    shadows: Shadows
    endpoints: EndpointSecrets
    consent: ConsentTerms
    never: Never
    sections: Sections
    orders: dict[KeyQuestion, Order]
    templates: dict[str, Template]
    terminology: dict[str, Terminology]
    programmes: dict[str, Programme]
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """Another set, or another version of it, has another."""
        return self.files.identity

    @property
    def rule_files(self) -> tuple[Any, ...]:
        """All that may name kinds."""
        items = (item for listed in self.checklists.values() for item in listed.items)
        files = (self.selection, self.advice, self.sections)
        return (*items, *files, *self.orders.values(), *self.programmes.values())

    @property
    def vague(self) -> frozenset[str]:
        """The kinds that say little of what a record is."""
        return frozenset(kind.id for kind in self.kinds.values() if kind.vague)

    @property
    def trends(self) -> frozenset[str]:
        """The kinds of which the whole series travels."""
        return frozenset(kind.id for kind in self.kinds.values() if kind.trend)

    @property
    def never_types(self) -> frozenset[str]:
        """Types that are neither asked for nor sent."""
        return frozenset(name for rule in self.never.rules for name in rule.types)

    def wanted_types(self, case_type: str, programme: str | None = None) -> frozenset[str]:
        """The resource types that a kind of case asks for: its checklist's and the safety set's."""
        lists = [item.match for item in self.checklist(case_type, programme).items]
        lists += [rule.match for rule in self.selection.safety if rule.always]
        return frozenset(match.type for matches in lists for match in matches)

    def checklist(self, case_type: str, programme: str | None = None) -> Checklist:
        """The checklist of a kind of case, with the items that a programme wants besides.

        `UsageError` if there is no such checklist or programme.
        """
        if case_type not in self.checklists:
            known = ", ".join(sorted(self.checklists))
            raise UsageError(
                f"case_type: no checklist {case_type} (there: {known})",
                "Correct the request, or add mappings/checklists/<case_type>.yaml.",
            )
        listed = self.checklists[case_type]
        extra = {item.id: item for item in self.destination(programme).items}
        items = {item.id: item for item in listed.items} | extra
        there = {name: self.places[f"{programme}/{name}"] for name in extra}
        return Checklist(tuple(items.values()), {**listed.places, **there})

    def destination(self, name: str | None) -> Programme:
        """What the receiving programme of that name wants; without a name: nothing of its own.

        `UsageError` if there is no such programme.
        """
        if name is None:
            return _NO_PROGRAMME
        if name not in self.programmes:
            known = ", ".join(sorted(self.programmes))
            raise UsageError(
                f"programme: no file {name} in mappings/destinations (there: {known})",
                "Correct `programme` of the destination, or add that file.",
            )
        return self.programmes[name]
