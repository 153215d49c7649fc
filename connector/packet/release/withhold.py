"""What has to be withheld because of what is withheld, to a fixpoint.

A copy of a withheld record, a note of its encounter, a record with the same attachment, one that
tells it in words or parts (`shadows.py`), and one that can't be without a reference to it. Only
records that have to do with a withheld one are looked at; those are read at most once a round.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ...request import Request
from ...store.case.casefile import CaseFile
from ...store.mapped.packet import Decision
from ..chart.duplicates import Groups
from ..chart.index import Row, body
from ..record.belongs_to import ENCOUNTER
from ..record.links import Links
from ..ruleset.mappings import Mappings
from ..ruleset.release_rules import EncounterNotes
from .decide import KEPT, Barrier, Why
from .redact import UncuttableError, cut
from .relations import Relations, is_note
from .shadows import Tellers
from .withheld import Withheld

SAME, NEEDS = "release-same", "release-refers"
_REASONS = {
    SAME: "it has the content of a record that is withheld",
    NEEDS: "it can't be without a reference to a record that is withheld",
}


def spread(
    case: CaseFile,
    links: Links,
    rows: Mapping[str, Row],
    places: Mapping[str, tuple[str, ...]],
    barred: dict[str, Decision],
    barrier: Barrier,
    same: Groups,
    mappings: Mappings,
    request: Request,
) -> Withheld:
    """Add to `barred` what else is withheld. Returns the withheld records, for `cut`.

    `places`: the encounters and episodes that each record belongs to. Each decision says because of
    which record it was made. What a person released stays out of it where only words may tell.
    Raises `Held` when the patient is among them.
    """
    withheld = Withheld(links, mappings.shadows.beside, mappings.shadows.told_in)
    fresh = [key for key, decision in barred.items() if decision.outcome == "withheld"]
    if not fresh:
        return withheld
    notes = mappings.release.notes_of_withheld_encounters
    tellers = Tellers(mappings.shadows, links)
    reasons = _REASONS | {mappings.shadows.id: mappings.shadows.reason}
    reasons |= {notes.id: notes.reason} if notes else {}
    told = {mappings.shadows.id, *([notes.id] if notes else ())}  # words that may tell
    followed = {NEEDS, *told}  # not withheld for themselves
    web = Relations(case, links, rows, places, same, notes, request)
    withheld.owners = web.owners
    while fresh:
        names = {name: key for key in fresh for name in withheld.add(key, body(case, key))}
        found: dict[str, Why] = {}

        def take(
            keys: Iterable[str], rule: str, because: str, found: dict[str, Why] = found
        ) -> None:
            for key in keys:
                if not (rule in told and key in barrier.released):
                    found[key] = Why(rule, reasons[rule], because=because)

        referrers = web.referrers(names)
        for key in fresh:
            take(web.same_as(key), SAME, key)
            if notes and not _about_itself(barred[key], rows[key], notes):
                take(web.notes_beside(key), notes.id, key)
            if barred[key].rule not in followed and (resource := body(case, key)):
                take(web.equal_to(key), SAME, key)
                take(tellers.taken(resource), mappings.shadows.id, key)
            for order in tellers.orders(body(case, key) or {}):
                if all(k in withheld for k in web.done_on(order, tellers)):
                    take([order], mappings.shadows.id, key)
            for ground in tellers.grounds(body(case, key) or {}):
                take(web.reports_on(ground), mappings.shadows.id, key)
        withheld.concerns |= web.concerned(names)
        for key, because in referrers.items():
            if key in barred or key in found:
                continue
            resource = body(case, key)
            if resource and key not in barrier.released and tellers.tells(resource, withheld):
                take([key], mappings.shadows.id, because)
                continue
            if notes and key.startswith(f"{ENCOUNTER}/"):
                take(web.notes_beside(key), notes.id, because)
            if not _can_be_cut(resource, withheld):
                take([key], NEEDS, because)
        fresh = [
            key
            for key in sorted(found)
            if key in rows and key not in withheld and not _is_shared(rows[key], barrier, found)
        ]
        barred |= {key: barrier.withhold(rows[key], found[key]) for key in fresh}
    return withheld


def _about_itself(decision: Decision, row: Row, notes: EncounterNotes) -> bool:
    """Whether a record is withheld as a note: that says nothing of its encounter's other notes."""
    return decision.rule == notes.id or (decision.rule == KEPT and is_note(row, notes))


def _is_shared(row: Row, barrier: Barrier, found: Mapping[str, Why]) -> bool:
    """The patient is nobody's part, and is held for only where a record can't be without it."""
    return barrier.is_patient(row) and found[row.key].rule != NEEDS


def _can_be_cut(resource: dict[str, Any] | None, withheld: Withheld) -> bool:
    if resource is None:
        return False
    try:
        cut(resource, withheld)
    except UncuttableError:
        return False
    return True
