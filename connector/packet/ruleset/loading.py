"""Reads a mapping set. Whatever is wrong with a file is a `UsageError` with file and line.

A name that no other file defines is wrong, like an unknown key.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar, get_args

from ...mappingfiles import MappingFiles
from ...request import KeyQuestion
from .checklist_files import Checklists
from .content_rules import Programme, Terminology
from .file import F, Read, contents, model_of, once, read, wrong
from .kinds import CodeSystems, Kind, KindsFile, with_more
from .mappings import Mappings
from .names_used import Names, expanded
from .release_rules import (
    KEYED,
    NEAR,
    ConsentTerms,
    EndpointSecrets,
    Heuristic,
    LabelTerms,
    Never,
    Release,
    Shadows,
)
from .rules import (
    Advice,
    ChecklistFile,
    Order,
    Place,
    Sections,
    Selection,
    Status,
    Template,
)

R = TypeVar("R", Shadows, EndpointSecrets)
_LOADED: dict[tuple[Path | None, str], Mappings] = {}
_ENCOUNTER_NOTES = "notes_of_withheld_encounters"


def load(folder: Path | None = None) -> Mappings:
    """The packaged mapping set, with the files of an own `folder` in place of theirs.

    Read once as long as no file of it changes.
    """
    files = MappingFiles(folder)
    key = (folder, files.identity)
    if key not in _LOADED:
        _LOADED.clear()  # one set is enough
        _LOADED[key] = _Loader(files).load()
    return _LOADED[key]


class _Loader:
    def __init__(self, files: MappingFiles) -> None:
        self._files = files
        self._places: dict[str, Place] = {}
        self._names = self._read_kinds()
        self._checklists = self._all(ChecklistFile, "checklists")
        self._sections = self._one(Sections, "sections.yaml")
        self._known = {section.id for section in self._sections.file.sections}

    def load(self) -> Mappings:
        """The whole set, each rule's place noted."""
        once(self._sections, "sections", [s.id for s in self._sections.file.sections])
        for number, name in enumerate(self._sections.file.front.watch):
            self._is_section(name, self._sections.place("front", "watch", number))
        selection = self._one(Selection, "selection.yaml")
        self._note(selection, "safety", [rule.id for rule in selection.file.safety])
        never = self._one(Never, "release/never.yaml")
        self._note(never, "rules", [rule.id for rule in never.file.rules])
        return Mappings(
            files=self._files,
            kinds=dict(self._names.kinds),
            checklists=Checklists(self._checklists, self._names, self._is_section).all(),
            status=self._status(),
            selection=self._expanded(selection),
            advice=self._expanded(self._one(Advice, "advice.yaml")),
            release=self._release(),
            heuristic=self._heuristic(),
            labels=self._labels(),
            shadows=self._with_id(Shadows, "release/shadows.yaml"),
            endpoints=self._with_id(EndpointSecrets, "release/endpoints.yaml"),
            consent=self._one(ConsentTerms, "release/consent.yaml").file,
            never=never.file,
            sections=self._expanded(self._sections),
            orders={question: self._order(question) for question in get_args(KeyQuestion)},
            templates=contents(self._all(Template, "templates")),
            terminology=self._terminology(),
            programmes=self._programmes(),
            places=self._places,
        )

    def _one(self, model: type[F], name: str) -> Read[F]:
        return read(model, self._files.path(name))

    def _all(self, model: type[F], folder: str) -> dict[str, Read[F]]:
        return {
            name: read(model, path)
            for name, path in self._files.folder(folder).items()
            if model_of(f"{folder}/{path.name}") is model
        }

    def _read_kinds(self) -> Names:
        """All kinds, and the code systems that are known whole."""
        kinds: dict[str, Kind] = {}
        read_all = self._all(KindsFile, "kinds").values()
        for found in read_all:
            for number, kind in enumerate(found.file.kinds):
                self._place(f"kind:{kind.id}", found.place("kinds", number, "id"))
                kinds[kind.id] = kind
        for found in read_all:
            for number, more in enumerate(found.file.more):
                if more.kind not in kinds:
                    place = found.place("more", number, "kind")
                    raise wrong(place, f"{more.kind}: no such kind in kinds/")
                kinds[more.kind] = with_more(kinds[more.kind], more)
        names = Names(kinds, self._one(CodeSystems, "codesystems.yaml").file.systems)
        for found in read_all:
            names.check(found)
        return names

    def _expanded(self, found: Read[F]) -> F:
        """A file whose rules name kinds, with the types of those kinds."""
        self._names.check(found)
        return expanded(found.file, self._names.types)

    def _note(self, found: Read[F], where: str, rules: Iterable[str]) -> None:
        """Remember where each rule of a list stands; a rule's id is used once in the whole set."""
        for number, rule in enumerate(rules):
            self._place(rule, found.place(where, number, "id"))

    def _place(self, rule: str, place: Place) -> None:
        if rule in self._places:
            raise wrong(place, f"{rule}: this id is used twice", "Give each its own id.")
        self._places[rule] = place

    def _status(self) -> Status:
        types = {}
        for found in self._all(Status, "status").values():
            for name, rules in found.file.types.items():
                if name in types:
                    place = found.place("types", name)
                    raise wrong(place, f"{name}: another file of status/ has it already")
                types[name] = rules
        return Status(version="1", about="all files of status/", types=types)

    def _release(self) -> Release:
        read_all = self._all(Release, "release").values()
        for found in read_all:
            self._note(found, "rules", [rule.id for rule in found.file.rules])
        rules = tuple(rule for found in read_all for rule in found.file.rules)
        notes = None
        for found in read_all:
            if found.file.notes_of_withheld_encounters is not None:
                place = found.place(_ENCOUNTER_NOTES)
                if notes is not None:
                    raise wrong(place, "another file of release/ has it already")
                notes = found.file.notes_of_withheld_encounters
                self._place(notes.id, place)
        ids = {rule.id for rule in rules}
        for found in read_all:
            for number, notice in enumerate(found.file.notices):
                if unknown := sorted(notice.of - ids):
                    place = found.place("notices", number, "of")
                    raise wrong(place, f"{unknown[0]}: no such rule")
        return Release(
            version="1",
            about="all files of release/",
            notices=tuple(notice for found in read_all for notice in found.file.notices),
            rules=rules,
            notes_of_withheld_encounters=notes,
        )

    def _heuristic(self) -> Heuristic:
        found = self._one(Heuristic, "release/heuristic.yaml")
        self._note(found, "rules", [rule.id for rule in found.file.rules])
        for number, rule in enumerate(found.file.rules):
            for name in rule.codes:
                if name not in found.file.systems:
                    place = found.place("rules", number, "codes", name)
                    raise wrong(place, f"{name}: no such system in `systems` of this file")
        minors, ids = found.file.minors, {rule.id for rule in found.file.rules}
        if minors is not None:
            self._place(minors.id, found.place("minors", "id"))
            if unknown := sorted(minors.of - ids):
                raise wrong(found.place("minors", "of"), f"{unknown[0]}: no such rule")
        for kind, mode in found.file.modes.items():
            if kind not in self._kinds(found.file):
                raise wrong(found.place("modes", kind), f"{kind}: no such kind")
            if kind in (NEAR, KEYED) and mode == "withhold":
                raise wrong(found.place("modes", kind), f"{kind}: `tell` or `hold`")
        return found.file

    def _kinds(self, guess: Heuristic) -> set[str]:
        """What the dry run calls the sensitive kinds, labelled or guessed."""
        labelled = {each.tell for each in self._labels().lists if each.tell}
        minors = {guess.minors.kind} if guess.minors else set()
        return {NEAR, KEYED} | labelled | minors | {rule.kind for rule in guess.rules}

    def _labels(self) -> LabelTerms:
        found = self._one(LabelTerms, "release/labels.yaml")
        once(found, "lists", [each.id for each in found.file.lists])
        self._places |= {
            f"kind-{each.id}": found.place("lists", number, "id")
            for number, each in enumerate(found.file.lists)
        }
        return found.file

    def _with_id(self, model: type[R], name: str) -> R:
        """A file that is one rule."""
        found = self._one(model, name)
        self._place(found.file.id, found.place("id"))
        return found.file

    def _order(self, question: str) -> Order:
        found = self._one(Order, f"questions/{question}.yaml")
        for number, name in enumerate(found.file.sections):
            self._is_section(name, found.place("sections", number))
        for name in found.file.entries:
            self._is_section(name, found.place("entries", name))
        for number, bearing in enumerate(found.file.bearing):
            if unknown := sorted(bearing.cases - self._checklists.keys()):
                place = found.place("bearing", number, "cases")
                raise wrong(place, f"{unknown[0]}: no such checklist")
        return self._expanded(found)

    def _terminology(self) -> dict[str, Terminology]:
        read_all = self._all(Terminology, "terminology")
        for found in read_all.values():
            is_map = found.file.resource.get("resourceType") == "ConceptMap"
            if is_map != (found.file.applies is not None):
                what = "a ConceptMap says where it `applies`, nothing else does"
                raise wrong(found.place("resource"), what)
            if found.file.applies is not None:
                self._place(found.file.applies.id, found.place("applies", "id"))
        return contents(read_all)

    def _programmes(self) -> dict[str, Programme]:
        read_all = self._all(Programme, "destinations")
        for name, found in read_all.items():
            self._note(found, "changes", [change.id for change in found.file.changes])
            once(found, "items", [item.id for item in found.file.items])
            for number, item in enumerate(found.file.items):
                self._is_section(item.section, found.place("items", number, "section"))
                self._places[f"{name}/{item.id}"] = found.place("items", number, "id")
        return {name: self._expanded(found) for name, found in read_all.items()}

    def _is_section(self, name: str, place: Place) -> None:
        if name not in self._known:
            raise wrong(place, f"{name}: no such section in sections.yaml")
