"""One mapping file, read as what its folder says it is, with the line of each part."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from ... import yamlfile
from ...errors import UsageError
from .content_rules import Programme, Terminology
from .kinds import CodeSystems, KindsFile
from .release_rules import (
    ConsentTerms,
    EndpointSecrets,
    Heuristic,
    LabelTerms,
    Never,
    Release,
    Shadows,
)
from .rules import Advice, ChecklistFile, File, Order, Place, Sections, Selection, Status, Template

F = TypeVar("F", bound=File)


def model_of(name: str) -> type[File] | None:
    """What a file of that name holds; None if this room does not read it."""
    folder = name.partition("/")[0]
    return _ALONE.get(name) or _FOLDERS.get(folder)


_ALONE: dict[str, type[File]] = {
    "advice.yaml": Advice,
    "codesystems.yaml": CodeSystems,
    "release/consent.yaml": ConsentTerms,
    "release/endpoints.yaml": EndpointSecrets,
    "release/heuristic.yaml": Heuristic,
    "release/labels.yaml": LabelTerms,
    "release/never.yaml": Never,
    "release/shadows.yaml": Shadows,
    "sections.yaml": Sections,
    "selection.yaml": Selection,
}
_FOLDERS: dict[str, type[File]] = {
    "checklists": ChecklistFile,
    "destinations": Programme,
    "kinds": KindsFile,
    "questions": Order,
    "release": Release,
    "status": Status,
    "templates": Template,
    "terminology": Terminology,
}


@dataclass(frozen=True)
class Read(Generic[F]):
    """A file as a value, and where its parts stand."""

    file: F
    path: Path
    lines: yamlfile.Lines
    written: Any  # as it stands there

    def place(self, *where: str | int) -> Place:
        """Where a part of it stands."""
        return Place(self.path, self.lines[where])


def read(model: type[F], path: Path) -> Read[F]:
    """One file. `UsageError` names each wrong field with its line."""
    value, lines = yamlfile.read(path)
    return Read(yamlfile.load(model, value, lines, str(path)), path, lines, value)


def contents(read_all: dict[str, Read[F]]) -> dict[str, F]:
    """The files themselves, by name."""
    return {name: found.file for name, found in read_all.items()}


def once(found: Read[F], where: str, names: list[str]) -> None:
    """`UsageError` for a name that a list of a file has twice."""
    for number, name in enumerate(names):
        if name in names[:number]:
            place = found.place(where, number, "id")
            raise wrong(place, f"{name}: this id is used twice", "Give each its own id.")


def wrong(place: Place, what: str, fix: str = "Correct that line.") -> UsageError:
    """What is wrong at a place of a file."""
    return UsageError(f"{place.path}, line {place.line}: {what}", fix)
