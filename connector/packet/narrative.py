"""The text of a section as safe XHTML (R4 narrative.html#xhtml): paragraphs and one table."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from .index import Row

_ROWS_MAX = 200  # of one section; its entries are always all there
_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEADS = ("Date", "Record", "Finding", "Status")
_CELLS = "".join(f'<th scope="col">{head}</th>' for head in _HEADS)


def narrative(
    before: Iterable[str], rows: Sequence[Row], after: Iterable[str], names: Mapping[str, str]
) -> str:
    """A `div`. Whatever the words are, they are text in it.

    `rows`: records to list, the first of them if there are many. `names`: key → title of what
    other records only point to (a prescription's Medication).
    """
    parts = [_paragraph(line) for line in before]
    if rows:
        body = "".join(_row(row, names) for row in rows[:_ROWS_MAX])
        parts.append(f"<table><thead><tr>{_CELLS}</tr></thead><tbody>{body}</tbody></table>")
    if (more := len(rows) - _ROWS_MAX) > 0:
        parts.append(_paragraph(f"And {more} more, all of them entries of this section."))
    parts += [_paragraph(line) for line in after]
    inside = "".join(parts) or _paragraph("No record of it is in this packet.")
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'


def _row(row: Row, names: Mapping[str, str]) -> str:
    title = row.title
    if title == row.type:  # it says nothing of its own
        title = next((names[key] for key in row.refers if key in names), title)
    status = "" if row.status == "unstated" else row.status
    cells = (row.written[:10] or "undated", title, row.finding, status)
    return f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"


def _paragraph(line: str) -> str:
    return f"<p>{_text(line)}</p>"


def _text(words: str) -> str:
    return escape(_NOT_XML.sub(" ", words))
