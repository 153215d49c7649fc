"""The mappings folder, loaded and checked: what an informaticist changes without Python.

A name that no other file defines is a `UsageError` with file and line, like an unknown key.
mappings/README.md says what each file decides.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .. import yamlfile
from ..errors import UsageError
from ..request import KeyQuestion
from .rules import (
    Advice,
    Checklist,
    File,
    Never,
    Order,
    Release,
    Sections,
    Selection,
    Status,
    Template,
)

PACKAGED = Path(__file__).parent.parent / "mappings"


@dataclass(frozen=True)
class Mappings:
    """The whole folder."""

    checklists: dict[str, Checklist]
    status: Status
    selection: Selection
    advice: Advice
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
        """The resource types that a kind of case asks for: its checklist's and the safety set's."""
        lists = [item.match for item in self.checklist(case_type).items]
        lists += [rule.match for rule in self.selection.safety]
        return frozenset(match.type for matches in lists for match in matches)

    def checklist(self, case_type: str) -> Checklist:
        """The checklist of a kind of case; `UsageError` if there is none."""
        if case_type not in self.checklists:
            known = ", ".join(sorted(self.checklists))
            raise UsageError(
                f"case_type: no checklist {case_type} (there: {known})",
                "Correct the request, or add mappings/checklists/<case_type>.yaml.",
            )
        return self.checklists[case_type]


F = TypeVar("F", bound=File)


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
        advice=_read(Advice, root / "advice.yaml")[0],
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
