"""The mappings folder as typed values: what a clinical informaticist changes without Python.

Every file is checked when it is loaded: an unknown key, a wrong value or a name that no other file
defines is a `UsageError` with file and line. mappings/README.md says what each file decides.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field

from .. import yamlfile
from ..case import KeyQuestion, Model, Text
from ..errors import UsageError

PACKAGED = Path(__file__).parent.parent / "mappings"


def _window(text: str) -> str:
    if not re.fullmatch(r"all|latest|[1-9]\d{0,3} months", text):
        raise ValueError("expected all, latest, or a number of months such as `12 months`")
    return text


Window = Annotated[str, AfterValidator(_window)]


class Match(Model):
    """Which records: of one type, and where given with one of these codes, categories, statuses.

    Codes as in a FHIR search: `system|code`, or `code` for any system. `unstated` as status: none.
    """

    type: Text
    code: frozenset[Text] = frozenset()
    category: frozenset[Text] = frozenset()
    status: frozenset[Text] = frozenset()
    intent: frozenset[Text] = frozenset()
    window: Window | None = None  # instead of the item's


class ChecklistItem(Model):
    """One thing a kind of case needs."""

    id: Text
    title: Text
    need: Literal["required", "recommended", "optional"]
    window: Window
    latest_of_each_code: bool = False  # also the newest of each code, however old
    named_by: Literal["first_opinion"] | None = None  # records the request names come instead
    questions: tuple[KeyQuestion, ...] = ()
    section: Text
    origin: Text
    ask: Text
    match: tuple[Match, ...]


class _File(Model):
    version: Text
    about: Text


class Checklist(_File):
    """A file of checklists/."""

    items: tuple[ChecklistItem, ...]


class TypeStatus(Model):
    """When a record of one type is present. Empty tuples ask for nothing."""

    present: frozenset[Text] = frozenset()
    document: frozenset[Text] = frozenset()  # DocumentReference.docStatus, where stated
    readable: tuple[tuple[Text, ...], ...] = ()


class Status(_File):
    """status/general.yaml."""

    types: dict[str, TypeStatus]


class Safety(Model):
    """Records that always travel; with `hold_if_withheld` a withheld one stops the case."""

    id: Text
    reason: Text
    hold_if_withheld: bool = False
    match: tuple[Match, ...]


class Selection(_File):
    """selection.yaml."""

    shared: frozenset[Text]
    images: frozenset[Text]
    safety: tuple[Safety, ...]


class Withhold(Model):
    """Records with one of these security labels stay, unless the request's basis lets them go."""

    id: Text
    reason: Text
    labels: frozenset[Text]
    unless: tuple[Literal["patient-authorization"], ...] = ()


class Release(_File):
    """release/general.yaml."""

    rules: tuple[Withhold, ...]


class NeverRule(Model):
    """Types that never travel."""

    id: Text
    reason: Text
    types: tuple[Text, ...]


class Never(_File):
    """release/never.yaml."""

    rules: tuple[NeverRule, ...]


class Section(Model):
    """One section of the Composition. `code`: LOINC. `text`: words of ours, never empty."""

    id: Text
    title: Text
    code: Text | None = None
    text: bool = False
    rest: bool = False
    match: tuple[Match, ...] = ()


class Sections(_File):
    """sections.yaml."""

    unlisted: frozenset[Text]
    sections: tuple[Section, ...]


class Order(_File):
    """A file of questions/: which sections come first, and how their entries are sorted."""

    sections: tuple[Text, ...]
    entries: dict[str, Literal["newest-first", "trend"]] = Field(default_factory=dict)


class Template(_File):
    """A file of templates/: one FHIR resource with FPML expressions in it."""

    template: dict[str, Any]


@dataclass(frozen=True)
class Mappings:
    """The whole folder."""

    checklists: dict[str, Checklist]
    status: Status
    selection: Selection
    release: Release
    never: Never
    sections: Sections
    orders: dict[KeyQuestion, Order]
    templates: dict[str, Template]

    @property
    def never_types(self) -> frozenset[str]:
        """Types that are neither asked for nor sent."""
        return frozenset(name for rule in self.never.rules for name in rule.types)

    def wanted_types(self, case_type: str) -> frozenset[str]:
        """The resource types that the checklist of a kind of case asks for."""
        items = self.checklist(case_type).items
        return frozenset(match.type for item in items for match in item.match)

    def checklist(self, case_type: str) -> Checklist:
        """The checklist of a kind of case; `UsageError` if there is none."""
        if case_type not in self.checklists:
            known = ", ".join(sorted(self.checklists))
            raise UsageError(
                f"case_type: no checklist {case_type} (there: {known})",
                "Correct the request, or add mappings/checklists/<case_type>.yaml.",
            )
        return self.checklists[case_type]


F = TypeVar("F", bound=_File)


def load(folder: Path | None = None) -> Mappings:
    """Read a mappings folder (the packaged one if None). `UsageError` with file and line."""
    root = folder or PACKAGED
    sections, lines = _read(Sections, root / "sections.yaml")
    _once([s.id for s in sections.sections], root / "sections.yaml", lines, "sections")
    known = {section.id for section in sections.sections}
    return Mappings(
        checklists={
            path.stem: _checklist(path, known)
            for path in sorted((root / "checklists").glob("*.yaml"))
        },
        status=_read(Status, root / "status" / "general.yaml")[0],
        selection=_read(Selection, root / "selection.yaml")[0],
        release=_read(Release, root / "release" / "general.yaml")[0],
        never=_read(Never, root / "release" / "never.yaml")[0],
        sections=sections,
        orders={
            question: _order(root / "questions" / f"{question}.yaml", known)
            for question in ("diagnosis", "treatment", "prognosis")
        },
        templates={
            path.stem: _read(Template, path)[0]
            for path in sorted((root / "templates").glob("*.yaml"))
        },
    )


def _read(model: type[F], path: Path) -> tuple[F, yamlfile.Lines]:
    value, lines = yamlfile.read(path)
    return yamlfile.load(model, value, lines, str(path)), lines


def _checklist(path: Path, sections: set[str]) -> Checklist:
    checklist, lines = _read(Checklist, path)
    _once([item.id for item in checklist.items], path, lines, "items")
    for number, item in enumerate(checklist.items):
        _known(item.section, sections, path, lines[("items", number, "section")])
    return checklist


def _order(path: Path, sections: set[str]) -> Order:
    order, lines = _read(Order, path)
    for number, name in enumerate(order.sections):
        _known(name, sections, path, lines[("sections", number)])
    for name in order.entries:
        _known(name, sections, path, lines[("entries", name)])
    return order


def _known(name: str, sections: set[str], path: Path, line: int) -> None:
    if name not in sections:
        raise UsageError(
            f"{path}, line {line}: {name}: no such section in sections.yaml", "Correct that line."
        )


def _once(names: list[str], path: Path, lines: yamlfile.Lines, where: str) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise UsageError(
                f"{path}, line {lines[(where, number, 'id')]}: {name}: this id is used twice",
                "Give each its own id.",
            )
