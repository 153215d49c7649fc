"""Which files make up a mapping set: the packaged ones, and an own folder's in their place.

A file of the own folder replaces the packaged file of the same name, the others stay, and a new
file adds: `checklists/spine.yaml` is the case type `spine`.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .errors import UsageError

ROOT = Path(__file__).parent / "mappings"
_ALONE = (
    "advice.yaml", "codesystems.yaml", "search.yaml", "sections.yaml", "selection.yaml",
    "questions/diagnosis.yaml", "questions/prognosis.yaml", "questions/treatment.yaml",
)  # fmt: skip
_FOLDERS = (
    "checklists", "destinations", "kinds", "release", "servers", "status", "templates",
    "terminology",
)  # fmt: skip
_OTHERWISE = (".yml", ".json")  # somebody meant it to be read


@dataclass(frozen=True)
class MappingFiles:
    """A mapping set by its files. Names are relative and with slashes: `release/never.yaml`."""

    own: Path | None = None

    @cached_property
    def paths(self) -> dict[str, Path]:
        """Name → file, sorted by name.

        `UsageError` if the own folder is not there, or holds a file that nothing would read.
        """
        found = _yaml_files(ROOT)
        if self.own is not None:
            if not self.own.is_dir():
                raise UsageError(
                    f"{self.own}: no such folder of mappings",
                    "Correct --mappings, or start a set: `connector mappings copy DIR`.",
                )
            _nothing_unread(self.own)
            found |= _yaml_files(self.own)
        return dict(sorted(found.items()))

    def path(self, name: str) -> Path:
        """The file of that name."""
        return self.paths[name]

    def folder(self, name: str) -> dict[str, Path]:
        """The files of one folder by their names without folder and suffix."""
        return {
            path.stem: path
            for relative, path in self.paths.items()
            if relative.startswith(f"{name}/")
        }

    @cached_property
    def identity(self) -> str:
        """SHA-256 over the names and bytes of all files: another set has another."""
        digest = hashlib.sha256()
        for name, path in self.paths.items():
            digest.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return digest.hexdigest()


PACKAGED = MappingFiles()


@dataclass(frozen=True)
class Checked:
    """What a check of a set found: lines that name file and line.

    `wrong`: mistakes, and examples that come out otherwise; `bare`: rules without an example.
    """

    files: int = 0
    examples: int = 0
    wrong: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()


def _yaml_files(root: Path) -> dict[str, Path]:
    files = {name: root / name for name in _ALONE if (root / name).is_file()}
    for folder in _FOLDERS:
        files |= {f"{folder}/{path.name}": path for path in (root / folder).glob("*.yaml")}
    return files


def _nothing_unread(root: Path) -> None:
    """A misspelt name must not be passed over: the packaged rules would apply instead."""
    known = set(_yaml_files(root).values())
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if any(part.startswith(".") for part in inside.parts) or path in known:
            continue
        if path.is_file() and path.suffix in (".yaml", *_OTHERWISE):
            raise UsageError(
                f"{path}: nothing reads a file of this name",
                f"Call it {', '.join(_ALONE)}, or NAME.yaml in one of: {', '.join(_FOLDERS)}.",
            )
