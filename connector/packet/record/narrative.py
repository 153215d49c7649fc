"""The text of a section as safe XHTML (R4 narrative.html#xhtml): paragraphs and one table."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

_ROWS_MAX = 200  # of one section; its entries are always all there
_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEADS = ("Date", "Record", "Finding", "Status")
_CELLS = "".join(f'<th scope="col">{head}</th>' for head in _HEADS)


class Line(NamedTuple):
    """One record of a section. `date`: as written, its day; empty if it has none."""

    date: str
    title: str
    finding: str
    status: str


def narrative(before: Iterable[str], records: Sequence[Line], after: Iterable[str]) -> str:
    """A `div`. Whatever the words are, they are text in it; of many `records` the first stand."""
    parts = [_paragraph(line) for line in before]
    if records:
        body = "".join(map(_row, records[:_ROWS_MAX]))
        parts.append(f"<table><thead><tr>{_CELLS}</tr></thead><tbody>{body}</tbody></table>")
    if (more := len(records) - _ROWS_MAX) > 0:
        parts.append(_paragraph(f"And {more} more, all of them entries of this section."))
    parts += [_paragraph(line) for line in after]
    inside = "".join(parts) or _paragraph("No record of it is in this packet.")
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'


def _row(line: Line) -> str:
    cells = (line.date or "undated", *line[1:])
    return f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"


def _paragraph(line: str) -> str:
    return f"<p>{_text(line)}</p>"


def _text(words: str) -> str:
    return escape(_NOT_XML.sub(" ", words))
