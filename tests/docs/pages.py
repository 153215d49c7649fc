"""The pages of docs/ as a test sees them: fenced blocks and the marks that stand before them."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT

DOCS = ROOT / "docs"
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block. `mark`: the comment on the line before it, or nothing."""

    kind: str
    mark: str
    text: str

    @property
    def commands(self) -> list[str]:
        """The lines after a prompt."""
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]

    @property
    def file(self) -> str:
        """The file that a reader makes of it, or nothing."""
        return self.mark.removeprefix("file ") if self.mark.startswith("file ") else ""

    @property
    def output(self) -> list[str]:
        """What the page shows below the last command."""
        return self.text.splitlines()[len(self.commands) :]


def page(name: str) -> str:
    """The text of a page of docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name: str, kind: str) -> list[Block]:
    """The fenced blocks of one kind (`toml`, `yaml`, `json`, `console`) of a page."""
    return [block for block in _blocks(name) if block.kind == kind]


def steps(name: str) -> list[Block]:
    """What a reader of a page does, in order: commands and files."""
    return [block for block in _blocks(name) if block.kind == "console" or block.file]


def _blocks(name: str) -> list[Block]:
    return [Block(m["kind"], m["mark"] or "", m["text"]) for m in _BLOCK.finditer(page(name))]


def examples(pattern: str) -> list[Path]:
    """Files of docs/examples."""
    return sorted((DOCS / "examples").glob(pattern))
