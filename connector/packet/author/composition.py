"""The Composition's sections: every record once, in the order of the key question."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ...request import Request
from ..chart.about_condition import AboutCondition
from ..chart.index import Row
from ..chart.match import any_means, meant
from ..checklist.assess import Finding
from ..checklist.reported import Told
from ..checklist.supplied import Document
from ..record.narrative import Line, narrative
from ..ruleset.mappings import Mappings
from ..ruleset.release_rules import Notice
from ..ruleset.rules import Order, Section, Sections
from .row_status import row_status

# In every packet, whatever is in it: a list can look complete when it isn't.
RECONCILE = (
    "Information may have been withheld by law or at the patient's wish. Reconcile medications "
    "and allergies with the patient before acting on these lists."
)
_LOINC = "http://loinc.org"
_NOTHING = AboutCondition()
_UNAVAILABLE = "No record of it is in this packet. That does not mean that there is none."
# What a source may say of an empty list of its own (list-empty-reason).
_SAID = {
    "nilknown": "The source says that there is none known.",
    "notasked": "The source says that the patient was not asked.",
}


def sections(
    rows: Sequence[Row],
    request: Request,
    findings: Sequence[Finding],
    documents: Sequence[Document],
    told: Told,
    mappings: Mappings,
    packet_reference: Callable[[str], str],
    notices: Sequence[Notice] = (),
) -> list[dict[str, Any]]:
    """Template variables of every section: title, code, narrative, entry, empty (why, or None).

    `rows`: what leaves, with the `documents` that people brought. `packet_reference`: `Type/id`
    at the source → `Type/<derived id>`. `notices`: what has to accompany such records.
    """
    shelves = _shelve(rows, request, mappings)
    order = mappings.orders[request.key_question]
    first = [*request.hinge, *request.first_opinion]
    status = row_status(rows)
    names = {row.key: row.title for row in rows if row.type == "Medication"}
    made = []
    for section in ordered(mappings.sections.sections, order.sections):
        held = in_order(shelves[section.id], order, section.id, first)
        brought = [document for document in documents if document.section == section.id]
        before = _words(section, request, told, notices) if section.text else []
        wanting = [
            line
            for f in findings
            if f.item.section == section.id
            for line in told.of_item[f.item.id]
        ]
        entries = [*(d.reference for d in brought), *(packet_reference(row.key) for row in held)]
        reason = _none(section, rows) if not entries and not section.text else None
        said = [reason["text"]] if reason else []
        lines = [document.line for document in brought]
        lines += [_line(row, names, status[row.key]) for row in held]
        made.append(
            {
                "title": section.title,
                "code": [section.code] if section.code else [],
                "narrative": narrative(before, lines, [*said, *wanting]),
                "entry": [{"reference": reference} for reference in entries],
                "empty": reason,
            }
        )
    return made


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


def _shelve(rows: Sequence[Row], request: Request, mappings: Mappings) -> dict[str, list[Row]]:
    shelves: dict[str, list[Row]] = defaultdict(list)
    about = AboutCondition.of(request.condition, {row.key: row for row in rows})
    for row in rows:
        if row.key in request.first_opinion:
            shelves["first-opinion"].append(row)
        elif home := section_of(row, mappings.sections, about):
            shelves[home].append(row)
        if row.key == request.condition:
            shelves["reason"].append(row)
    return shelves


def section_of(row: Row, rules: Sections, about: AboutCondition = _NOTHING) -> str | None:
    """The id of the section that lists a record; None for what is found through others only."""
    if row.type in rules.unlisted:
        return None
    rest = next(section.id for section in rules.sections if section.rest)
    found = (
        section.id
        for section in rules.sections
        if any(meant(match, row) and about.fits(row, match.about) for match in section.match)
    )
    return next(found, rest)


def ordered(every: Sequence[Section], first: Collection[str]) -> list[Section]:
    """All sections: those that the key question names first, then the others."""
    by_id = {section.id: section for section in every}
    names = [*first, *(section.id for section in every if section.id not in first)]
    return [by_id[name] for name in names]


def in_order(rows: Sequence[Row], order: Order, section: str, first: Sequence[str]) -> list[Row]:
    """The records of a section: those of `first` (keys), what the key question wants, the rest."""
    how = order.entries.get(section, "newest-first")
    found = sorted(rows, key=lambda row: row.key)
    if how == "trend":
        found.sort(key=lambda row: (row.title, row.last))
    else:
        found.sort(key=lambda row: row.last, reverse=True)
    if how == "primary-first":
        found.sort(key=lambda row: row.type not in order.primary)
    found.sort(key=lambda row: not any_means(order.lead, row))
    rank = {key: number for number, key in enumerate(first)}
    return sorted(found, key=lambda row: rank.get(row.key, len(rank)))


def _words(section: Section, request: Request, told: Told, notices: Sequence[Notice]) -> list[str]:
    """The text of the sections that are ours to write."""
    if section.id == "reason":
        lines = [f"Key question: {request.key_question}.", request.question]
        lines += [f"Also asked: {also}." for also in request.also]
        lines.append(f"The second opinion was asked for by the {request.initiated_by}.")
        if request.patient_story:
            lines.append(f"In the patient's own words: {request.patient_story}")
        return lines
    bound = [notice.text for notice in notices]
    return [RECONCILE, *bound, *told.missing, *told.separately]


def _line(row: Row, names: Mapping[str, str], status: str) -> Line:
    title = row.title
    if title == row.type:  # it says nothing of its own: what does it point to?
        title = next((names[key] for key in row.refers if key in names), title)
    return Line(row.written[:10], title, row.finding, status)
