"""How the records of a chart hang together: what withholding one means for others."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from ...fhir.references import plain_names
from ...request import Request
from ...store.case.casefile import CaseFile
from ...store.pulled import chart
from ..chart.duplicates import Copies, Groups
from ..chart.index import Row, body
from ..record.belongs_to import ENCOUNTER
from ..record.links import Links, identifier_token, own_identifiers
from ..ruleset.release_rules import EncounterNotes
from .mentions import Mentions, telling_word
from .shadows import Tellers

_FEW = 8  # records that may have an identifier in common and be named by it


class Relations:
    """How the records of a chart hang together, by key. Made only where something is withheld."""

    def __init__(
        self,
        case: CaseFile,
        links: Links,
        rows: Mapping[str, Row],
        places: Mapping[str, tuple[str, ...]],
        same: Groups,
        notes: EncounterNotes | None,
        request: Request,
    ) -> None:
        self._case = case
        self._rows = rows
        self._places = places
        self._within: dict[str, list[str]] = defaultdict(list)  # encounter → those that are part
        for key, containers in places.items():
            if key.startswith(f"{ENCOUNTER}/"):
                for container in containers:
                    self._within[container].append(key)
        self._copies = {key: group for group in same for key in group}
        self._equal = Copies(case, links, rows)
        self._given: set[str] = set()
        self._by_content: dict[str, list[str]] = defaultdict(list)
        self._notes: dict[str, list[str]] = defaultdict(list)
        self._referrers: dict[str, list[str]] = defaultdict(list)
        self._provenances: dict[str, list[str]] = defaultdict(list)
        self._targets_left = {row.key: len(row.targets) for row in rows.values() if row.targets}
        opted_in = notes.opted_in | frozenset(request.opt_in_notes) if notes else frozenset()
        for row in rows.values():
            for content in (*row.contents, *row.holds):
                self._by_content[content].append(row.key)
            for name in (*row.refers, *row.names):
                self._referrers[name].append(row.key)
            for name in row.targets:
                self._provenances[name].append(row.key)
            if notes and is_note(row, notes) and opted_in.isdisjoint(row.codes):
                for key in self._encounters(row.key):
                    self._notes[key].append(row.key)
        self.owners = _owners(case, rows)
        for key, named in _named(case, rows, self.owners):
            self._referrers[named].append(key)

    def equal_to(self, key: str) -> Iterable[str]:
        """Records that say the same, be they of another event; of each group once."""
        if key in self._given:
            return ()
        group = self._equal.of(key)
        self._given.update(group)
        return group

    def same_as(self, key: str) -> Iterable[str]:
        """Copies of a record, records with an attachment of it, documents in which it stands."""
        row = self._rows[key]
        yield from self._copies.get(key, ())
        for content in (*row.contents, key, *self._numbers(key)):
            yield from self._by_content.get(content, ())

    def _numbers(self, key: str) -> Iterator[str]:
        """The identifiers by which a record, and hardly another, is known in a document."""
        for identifier in own_identifiers(body(self._case, key) or {}):
            if len(self.owners.get(str(identifier["value"]), ())) <= _FEW:
                yield identifier_token(identifier)

    def notes_beside(self, key: str) -> Iterable[str]:
        """Notes of the encounters of a record, of those they are part of, and of their parts."""
        for encounter in self._family(self._encounters(key)):
            yield from self._notes.get(encounter, ())

    def concerned(self, names: Iterable[str]) -> set[str]:
        """Every record that may name one of these."""
        held = (self._referrers, self._provenances)
        return {key for name in names for referrers in held for key in referrers.get(name, ())}

    def referrers(self, names: Mapping[str, str]) -> dict[str, str]:
        """Records that may have to be cut because of these; each name is asked for once.

        `names`: of a withheld record → its key. Returns record → key of such a one, by record.

        A Provenance is there only when its last target may have gone: until then its list of
        targets can be cut, however long it is.
        """
        found: dict[str, str] = {}
        for name, because in names.items():
            found |= dict.fromkeys(self._referrers.get(name, ()), because)
            for key in self._provenances.get(name, ()):
                self._targets_left[key] -= 1
                if self._targets_left[key] == 0:
                    found[key] = because
        return dict(sorted(found.items()))

    def done_on(self, order: str, tellers: Tellers) -> Iterator[str]:
        """The records that were done on an order."""
        for key in self._referrers.get(order, ()):
            resource = body(self._case, key)
            if resource and order in tellers.orders(resource):
                yield key

    def reports_on(self, ground: str) -> Iterator[str]:
        """The reports on an order or a specimen that don't say which results they are of."""
        for key in self._referrers.get(ground, ()):
            if self._rows[key].type == "DiagnosticReport":
                resource = body(self._case, key)
                if resource and not resource.get("result"):
                    yield key

    def _encounters(self, key: str) -> list[str]:
        row = self._rows[key]
        named = (*row.refers, *self._places.get(key, ()))
        found = [name for name in named if name.startswith(f"{ENCOUNTER}/")]
        return [*found, key] if row.type == ENCOUNTER else found

    def _family(self, encounters: Iterable[str]) -> set[str]:
        def reached(onward: Mapping[str, Iterable[str]]) -> set[str]:
            seen: set[str] = set()
            stack = list(encounters)
            while stack:
                key = stack.pop()
                if key not in seen and key.startswith(f"{ENCOUNTER}/"):
                    seen.add(key)
                    stack += onward.get(key, ())
            return seen

        encounters = list(encounters)
        return reached(self._places) | reached(self._within)


def is_note(row: Row, notes: EncounterNotes) -> bool:
    """Whether a record is a note that such a rule means, opted in or not."""
    # A DiagnosticReport without an attachment or a conclusion is results: values, not words.
    worded = row.type != "DiagnosticReport" or bool(row.contents or row.finding)
    return row.type in notes.types and worded


def _named(
    case: CaseFile, rows: Mapping[str, Row], owners: Mapping[str, set[str]]
) -> Iterator[tuple[str, str]]:
    """Key of a record, and the key of another that a string of it names."""
    # An identifier of many is that of a patient or an order: it names none of them, and is slow.
    owners = {value: keys for value, keys in owners.items() if len(keys) <= _FEW}
    by_id, by_value = Mentions(rows.keys()), Mentions((), owners)
    fellows: dict[str, set[str]] = defaultdict(set)  # records with an identifier in common
    for keys in owners.values():
        for key in keys if len(keys) > 1 else ():
            fellows[key] |= keys
    for record in chart.records(case):
        key = f"{record.type}/{record.id}"
        if key in rows:
            row, data = rows[key], plain_names(record.body)
            there = by_id.in_body(data) | (by_value.in_body(data) - fellows.get(key, set()))
            yield from ((key, named) for named in there - {key, *row.refers, *row.targets})


def _owners(case: CaseFile, rows: Mapping[str, Row]) -> dict[str, set[str]]:
    """Values of business identifiers that tell of a record, and whose they are."""
    found: dict[str, set[str]] = defaultdict(set)
    for record in chart.records(case):
        key = f"{record.type}/{record.id}"
        if key in rows and b'dentifier"' in record.body:
            for identifier in own_identifiers(body(case, key) or {}):
                value = identifier["value"]
                if isinstance(value, str) and telling_word(value):
                    found[value].add(key)
    return found
