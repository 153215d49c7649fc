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
    def output(self) -> list[str]:
        """What the page shows below the last command."""
        return self.text.splitlines()[len(self.commands) :]


def page(name: str) -> str:
    """The text of a page of docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name: str, kind: str) -> list[Block]:
    """The fenced blocks of one kind (`toml`, `yaml`, `json`, `console`) of a page."""
    found = (Block(m["kind"], m["mark"] or "", m["text"]) for m in _BLOCK.finditer(page(name)))
    return [block for block in found if block.kind == kind]


def examples(pattern: str) -> list[Path]:
    """Files of docs/examples."""
    return sorted((DOCS / "examples").glob(pattern))
