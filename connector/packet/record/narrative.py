"""The text of a section as safe XHTML (R4 narrative.html#xhtml): paragraphs and one table."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

# Characters of what records say, in one section. Beyond it a row has its date, name and status, and
# says that its text is in its entry: a server refuses a Composition of tens of megabytes.
SECTION_MAX = 400_000
_MORE = "And {more} more, among the entries of this section: there is no room for them here."
_LATER = "(the text is in its entry)"
_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEADS = ("Date", "Record", "Finding", "Status")
_CELLS = "".join(f'<th scope="col">{head}</th>' for head in _HEADS)


class Line(NamedTuple):
    """One row of a section. `date`: as written, its day; empty if it has none."""

    date: str
    title: str
    finding: str
    status: str


def narrative(
    before: Iterable[str],
    records: Sequence[Line],
    after: Iterable[str],
    rows_max: int | None = None,
) -> str:
    """A `div`. Whatever the words are, they are text in it; every one of `records` has a row.

    `rows_max`: bytes of rows that there is room for. Those that come first stand there then, and
    how many more there are among the entries is said.
    """
    parts = [_paragraph(line) for line in before]
    if records:
        rows = list(map(_row, _within(records)))
        shown = len(rows) if rows_max is None else _fitting(rows, rows_max)
        body = "".join(rows[:shown])
        parts.append(f"<table><thead><tr>{_CELLS}</tr></thead><tbody>{body}</tbody></table>")
        if more := len(rows) - shown:
            parts.append(_paragraph(_MORE.format(more=more)))
    parts += [_paragraph(line) for line in after]
    inside = "".join(parts) or _paragraph("No record of it is in this packet.")
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'


def rows_size(records: Sequence[Line]) -> int:
    """How many bytes the rows of these take."""
    return sum(len(_row(line).encode()) for line in _within(records))


def _fitting(rows: Sequence[str], bytes_max: int) -> int:
    """How many of the rows there is room for; one at least."""
    left = bytes_max
    for number, row in enumerate(rows):
        left -= len(row.encode())
        if left < 0:
            return max(number, 1)
    return len(rows)


def _within(records: Sequence[Line]) -> Iterable[Line]:
    left = SECTION_MAX
    for line in records:
        left -= len(line.finding)
        yield line if left >= 0 or not line.finding else line._replace(finding=_LATER)


def _row(line: Line) -> str:
    cells = (line.date or "undated", *line[1:])
    return f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"


def _paragraph(line: str) -> str:
    return f"<p>{_text(line)}</p>"


def _text(words: str) -> str:
    return escape(_NOT_XML.sub(" ", words))
