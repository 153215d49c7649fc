"""Which record stands where: the sections in the order of the key question, and their things."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ...request import Request
from ..chart.about_condition import AboutCondition
from ..chart.index import Row
from ..chart.match import any_means, meant
from ..ruleset.mappings import Mappings
from ..ruleset.rules import Order, Section, Sections
from .row_status import row_status
from .things import Thing, things

_NOTHING = AboutCondition()


@dataclass(frozen=True)
class Laid:
    """One section. `rows`: its records, in order; `things`: what they tell, a row each; `counted`:
    records of types that are told by their number alone.
    """

    section: Section
    rows: tuple[Row, ...]
    things: tuple[Thing, ...]
    counted: tuple[Row, ...]


def lay_out(rows: Sequence[Row], request: Request, mappings: Mappings) -> list[Laid]:
    """Every section, with its records of those that leave (`rows`)."""
    about = AboutCondition.of(request.condition, {row.key: row for row in rows})
    shelves = _shelve(rows, request, mappings, about)
    order = mappings.orders[request.key_question]
    first = [*request.hinge, *request.first_opinion]
    status = row_status(rows)
    drugs = {row.key: row.title for row in rows if row.type == "Medication"}
    counted = mappings.sections.counted
    laid = []
    for section in ordered(mappings.sections.sections, order.sections):
        held = in_order(shelves[section.id], order, section.id, first)
        listed = [row for row in held if row.type not in counted]
        made = things(listed, status, lambda row: _name(row, drugs), about.includes, first)
        rest = tuple(row for row in held if row.type in counted)
        laid.append(Laid(section, tuple(held), tuple(made), rest))
    return laid


def _name(row: Row, drugs: Mapping[str, str]) -> str:
    """The title of a record; where it says nothing of its own, of the drug that it points to."""
    if row.title == row.type:
        return next((drugs[key] for key in row.refers if key in drugs), row.title)
    return row.title


def _shelve(
    rows: Sequence[Row], request: Request, mappings: Mappings, about: AboutCondition
) -> dict[str, list[Row]]:
    shelves: dict[str, list[Row]] = defaultdict(list)
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
