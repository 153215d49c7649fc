"""The Composition's sections: every record once, in the order of the key question."""

from collections.abc import Callable, Sequence
from typing import Any

from ...request import Request
from ..chart.index import Row
from ..checklist.assess import Finding
from ..checklist.reported import Told
from ..checklist.supplied import Document
from ..record.narrative import Line, narrative, rows_size
from ..ruleset.release_rules import Notice
from ..ruleset.rules import Section
from .layout import Laid
from .things import Thing

# In every packet, whatever is in it: a list can look complete when it isn't.
RECONCILE = (
    "Information may have been withheld by law or at the patient's wish. Reconcile medications "
    "and allergies with the patient before acting on these lists."
)
_EARLIER_MAX = 24  # values before the last one, of one thing; the page has them all
_ENTRY_BYTES = 90  # of a reference among the entries of a section
_ROWS_SHARE = 0.8  # of what a destination takes of one resource, for entries and rows
_LOINC = "http://loinc.org"
_UNAVAILABLE = "No record of it is in this packet. That does not mean that there is none."
# What a source may say of an empty list of its own (list-empty-reason).
_SAID = {
    "nilknown": "The source says that there is none known.",
    "notasked": "The source says that the patient was not asked.",
}


def sections(
    laid: Sequence[Laid],
    rows: Sequence[Row],
    request: Request,
    findings: Sequence[Finding],
    documents: Sequence[Document],
    told: Told,
    packet_reference: Callable[[str], str],
    notices: Sequence[Notice] = (),
    bytes_max: float = float("inf"),
) -> list[dict[str, Any]]:
    """Template variables of every section: title, code, narrative, entry, empty (why, or None).

    `rows`: what leaves, `laid` as it stands, with the `documents` that people brought.
    `packet_reference`: `Type/id` at the source → `Type/<derived id>`. `notices`: what has to
    accompany such records. `bytes_max`: what the destination takes of one resource.
    """
    made = []
    all_lines = [_lines(part, documents) for part in laid]
    room = _room(laid, all_lines, bytes_max)
    for part, lines in zip(laid, all_lines, strict=True):
        section = part.section
        brought = [document for document in documents if document.section == section.id]
        entries = [d.reference for d in brought]
        entries += [packet_reference(row.key) for row in part.rows]
        reason = _none(section, rows) if not entries and not section.text else None
        made.append(
            {
                "title": section.title,
                "code": [section.code] if section.code else [],
                "narrative": narrative(
                    words_of(section, request, told, notices),
                    lines,
                    [*([reason["text"]] if reason else []), *after(part, findings, told)],
                    None if room is None else int(room * rows_size(lines)),
                ),
                "entry": [{"reference": reference} for reference in entries],
                "empty": reason,
            }
        )
    return made


def _lines(part: Laid, documents: Sequence[Document]) -> list[Line]:
    brought = (document.line for document in documents if document.section == part.section.id)
    return [*brought, *map(line, part.things)]


def _room(laid: Sequence[Laid], lines: Sequence[Sequence[Line]], bytes_max: float) -> float | None:
    """Which share of all rows there is room for in one resource; None: there is room for all."""
    entries = sum(_ENTRY_BYTES * len(part.rows) for part in laid)
    wanted, left = sum(map(rows_size, lines)), max(bytes_max * _ROWS_SHARE - entries, 0)
    return None if wanted <= left else left / wanted


def line(thing: Thing) -> Line:
    """A thing as a line of a section's text: the last value, and those before it."""
    shown = [f"{said} ({day or 'undated'})" for day, said in thing.earlier[:_EARLIER_MAX]]
    if (more := len(thing.earlier) - _EARLIER_MAX) > 0:
        shown.append(f"{more} more, all of them entries of this section")
    before = f"Earlier: {', '.join(shown)}" if shown else ""
    return Line(thing.dates, thing.title, ". ".join(filter(None, (thing.finding, before))),
                thing.status)  # fmt: skip


def after(part: Laid, findings: Sequence[Finding], told: Told) -> list[str]:
    """What a section says below its records: of which there are so many, and what is wanting."""
    said = []
    if part.counted:
        days = sorted(row.written[:10] for row in part.counted if row.written)
        span = f", {days[0]} to {days[-1]}" if days else ""
        said = [f"{len(part.counted)} encounters{span}: not listed, all of them entries."]
    here = [f.item.id for f in findings if f.item.section == part.section.id]
    return [*said, *(text for item in here for text in told.of_item[item])]


def _none(section: Section, rows: Sequence[Row]) -> dict[str, str]:
    """Why a section has no entry: `unavailable`, unless the source's own list of it says more.

    An empty search says nothing about the patient. A List that is empty for a reason does (R4
    list.html#List.emptyReason); one that is withheld is not asked, since that would tell of it.
    """
    lists = [row for row in rows if row.says_none and f"{_LOINC}|{section.code}" in row.codes]
    said = {row.says_none for row in lists} & _SAID.keys()
    if len(said) == 1:
        (code,) = said
        return {"code": code, "text": _SAID[code]}
    return {"code": "unavailable", "text": _UNAVAILABLE}


def words_of(
    section: Section, request: Request, told: Told, notices: Sequence[Notice]
) -> list[str]:
    """The text of the sections that are ours to write."""
    if not section.text:
        return []
    if section.id == "reason":
        lines = [f"Key question: {request.key_question}.", request.question]
        lines += [f"Also asked: {also}." for also in request.also]
        lines.append(f"The second opinion was asked for by the {request.initiated_by}.")
        if request.patient_story:
            lines.append(f"In the patient's own words: {request.patient_story}")
        return lines
    bound = [notice.text for notice in notices]
    return [RECONCILE, *bound, *told.missing, *told.separately]
