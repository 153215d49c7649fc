"""The Composition's sections: every record once, in the order of the key question."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from html import escape
from typing import Any

from ..request import Request
from .assess import Finding
from .index import Row
from .mappings import Mappings
from .match import any_means
from .rules import Section, Sections
from .supplied import Document
from .told import Told

# In every packet, whatever is in it: a list can look complete when it isn't.
RECONCILE = (
    "Information may have been withheld by law or at the patient's wish. Reconcile medications "
    "and allergies with the patient before acting on these lists."
)
_LINES_MAX = 200  # of one section's text; its entries are always all there
_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def sections(
    rows: Sequence[Row],
    request: Request,
    findings: Sequence[Finding],
    documents: Sequence[Document],
    told: Told,
    mappings: Mappings,
    packet_reference: Callable[[str], str],
) -> list[dict[str, Any]]:
    """Template variables of every section: title, code, narrative (XHTML), entry, empty.

    `rows`: what leaves, with the `documents` that people brought. `packet_reference`: `Type/id`
    at the source → `Type/<derived id>`.
    """
    shelves = _shelve(rows, request, mappings)
    order = mappings.orders[request.key_question]
    first = [*request.hinge, *request.first_opinion]
    made = []
    for section in ordered(mappings.sections.sections, order.sections):
        held = in_order(shelves[section.id], order.entries.get(section.id, "newest-first"), first)
        brought = [document for document in documents if document.section == section.id]
        lines = _words(section, request, told) if section.text else []
        lines += [document.line for document in brought]
        lines += [_line(row) for row in held[:_LINES_MAX]]
        if len(held) > _LINES_MAX:
            lines.append(f"And {len(held) - _LINES_MAX} more, all of them entries of this section.")
        lines += [
            line
            for f in findings
            if f.item.section == section.id
            for line in told.of_item[f.item.id]
        ]
        entries = [*(d.reference for d in brought), *(packet_reference(row.key) for row in held)]
        made.append(
            {
                "title": section.title,
                "code": [section.code] if section.code else [],
                "narrative": _div(lines or ["No record of it is in this packet."]),
                "entry": [{"reference": reference} for reference in entries],
                "empty": not entries and not section.text,
            }
        )
    return made


def _shelve(rows: Sequence[Row], request: Request, mappings: Mappings) -> dict[str, list[Row]]:
    shelves: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.key in request.first_opinion:
            shelves["first-opinion"].append(row)
        elif home := section_of(row, mappings.sections):
            shelves[home].append(row)
        if row.key == request.condition:
            shelves["reason"].append(row)
    return shelves


def section_of(row: Row, rules: Sections) -> str | None:
    """The id of the section that lists a record; None for what is found through others only."""
    if row.type in rules.unlisted:
        return None
    rest = next(section.id for section in rules.sections if section.rest)
    return next((s.id for s in rules.sections if any_means(s.match, row)), rest)


def ordered(every: Sequence[Section], first: Collection[str]) -> list[Section]:
    """All sections: those that the key question names first, then the others."""
    by_id = {section.id: section for section in every}
    names = [*first, *(section.id for section in every if section.id not in first)]
    return [by_id[name] for name in names]


def in_order(rows: Sequence[Row], order: str, first: Sequence[str]) -> list[Row]:
    """The records of one section, those of `first` (keys) before the others."""
    by_key = sorted(rows, key=lambda row: row.key)
    if order == "trend":
        by_date = sorted(by_key, key=lambda row: row.last)
        by_date.sort(key=lambda row: row.title)
    else:
        by_date = sorted(by_key, key=lambda row: row.last, reverse=True)
    rank = {key: number for number, key in enumerate(reversed(first), 1)}
    return sorted(by_date, key=lambda row: -rank.get(row.key, 0))


def _words(section: Section, request: Request, told: Told) -> list[str]:
    """The text of the sections that are ours to write."""
    if section.id == "reason":
        lines = [f"Key question: {request.key_question}.", request.question]
        lines += [f"Also asked: {also}." for also in request.also]
        lines.append(f"The second opinion was asked for by the {request.initiated_by}.")
        if request.patient_story:
            lines.append(f"In the patient's own words: {request.patient_story}")
        return lines
    return [RECONCILE, *told.missing, *told.separately]


def _line(row: Row) -> str:
    day = row.written[:10] or "undated"
    status = "" if row.status == "unstated" else f" ({row.status})"
    return f"{day} {row.title}{status}"


def _div(lines: Sequence[str]) -> str:
    """Safe XHTML: every line is text (R4 narrative.html#xhtml)."""
    inside = "".join(f"<p>{escape(_NOT_XML.sub(' ', line))}</p>" for line in lines)
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'
