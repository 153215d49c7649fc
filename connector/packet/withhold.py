"""What has to be withheld because of what is withheld, to a fixpoint.

A copy of a withheld record, a note of its encounter, a record with the same attachment, and a
record that can't be without a reference to it. Only records that have to do with a withheld one
are looked at; those that a reference is cut out of are read, each at most once a round.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ..request import Request
from ..store.casefile import CaseFile
from ..store.packet import Decision
from .cut import UncuttableError, Withheld, cut
from .index import Row, body
from .links import Links
from .release import Barrier
from .rules import EncounterNotes
from .twins import Groups

_SAME = ("release-same", "it has the content of a record that is withheld")
_NEEDS = ("release-refers", "it can't be without a reference to a record that is withheld")


def spread(
    case: CaseFile,
    links: Links,
    rows: Mapping[str, Row],
    barred: dict[str, Decision],
    barrier: Barrier,
    same: Groups,
    notes: EncounterNotes | None,
    request: Request,
) -> Withheld:
    """Add to `barred` what else is withheld. Returns the withheld records, for `cut`.

    Raises `Held` when the patient, an allergy or an active medication is among them.
    """
    withheld = Withheld(links)
    fresh = [key for key, decision in barred.items() if decision.outcome == "withheld"]
    if not fresh:
        return withheld
    web = _Web(rows, same, notes, request)
    while fresh:
        names = {name for key in fresh for name in withheld.add(key, body(case, key))}
        found: dict[str, tuple[str, str]] = {}
        for key in fresh:
            found |= dict.fromkeys(web.same_as(key), _SAME)
            if notes and barred[key].rule != notes.id:
                found |= dict.fromkeys(web.notes_beside(key), (notes.id, notes.reason))
        withheld.concerns |= web.concerned(names)
        for key in web.referrers(names):
            if key not in barred and key not in found and not _can_be_cut(case, key, withheld):
                found[key] = _NEEDS
        fresh = [key for key in sorted(found) if key not in withheld]
        barred |= {key: barrier.withhold(rows[key], *found[key]) for key in fresh}
    return withheld


class _Web:
    """How the records of a chart hang together, by key. Made only where something is withheld."""

    def __init__(
        self,
        rows: Mapping[str, Row],
        same: Groups,
        notes: EncounterNotes | None,
        request: Request,
    ) -> None:
        self._rows = rows
        self._copies = {key: group for group in same for key in group}
        self._by_content: dict[str, list[str]] = defaultdict(list)
        self._notes: dict[str, list[str]] = defaultdict(list)
        self._referrers: dict[str, list[str]] = defaultdict(list)
        self._provenances: dict[str, list[str]] = defaultdict(list)
        self._targets_left = {row.key: len(row.targets) for row in rows.values() if row.targets}
        opted_in = notes.opted_in | frozenset(request.opt_in_notes) if notes else frozenset()
        for row in rows.values():
            for content in row.contents:
                self._by_content[content].append(row.key)
            for name in (*row.refers, *row.names):
                self._referrers[name].append(row.key)
            for name in row.targets:
                self._provenances[name].append(row.key)
            if notes and is_note(row, notes) and opted_in.isdisjoint(row.codes):
                for key in _encounters(row):
                    self._notes[key].append(row.key)

    def same_as(self, key: str) -> Iterable[str]:
        """Copies of a record, and records with an attachment of it."""
        row = self._rows[key]
        yield from self._copies.get(key, ())
        for content in (*row.contents, key):
            yield from self._by_content.get(content, ())

    def notes_beside(self, key: str) -> Iterable[str]:
        """Notes of the encounters of a record."""
        for encounter in _encounters(self._rows[key]):
            yield from self._notes.get(encounter, ())

    def concerned(self, names: Iterable[str]) -> set[str]:
        """Every record that may name one of these."""
        held = (self._referrers, self._provenances)
        return {key for name in names for referrers in held for key in referrers.get(name, ())}

    def referrers(self, names: Iterable[str]) -> list[str]:
        """Records that may have to be cut because of these; each name is asked for once.

        A Provenance is there only when its last target may have gone: until then its list of
        targets can be cut, however long it is.
        """
        found: set[str] = set()
        for name in names:
            found |= set(self._referrers.get(name, ()))
            for key in self._provenances.get(name, ()):
                self._targets_left[key] -= 1
                if self._targets_left[key] == 0:
                    found.add(key)
        return sorted(found)


def is_note(row: Row, notes: EncounterNotes) -> bool:
    """Whether a record is a note that such a rule means, opted in or not."""
    # A DiagnosticReport without an attachment is results: values, not words.
    return row.type in notes.types and (row.type != "DiagnosticReport" or bool(row.contents))


def _encounters(row: Row) -> list[str]:
    found = [key for key in row.refers if key.startswith("Encounter/")]
    return [*found, row.key] if row.type == "Encounter" else found


def _can_be_cut(case: CaseFile, key: str, withheld: Withheld) -> bool:
    resource = body(case, key)
    if resource is None:
        return False
    try:
        cut(resource, withheld)
    except UncuttableError:
        return False
    return True
