"""What became of each reference: had, or a gap with its reason.

Records are read at the source by id: many in one search where the server declares `_id`, one by
one where it doesn't and for whatever that search did not bring, so that each has its own reason.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import parse_qsl

from ...errors import EndpointError
from ...fhir.about import ENCOUNTERS, SEVERAL_PEOPLE
from ...fhir.references import Kind, parse, tidy
from ...gap import GapKind
from ...store.pulled import targets
from ...store.pulled.chart import Record, put_record
from ..context import Pull
from ..gaps import kind_of
from ..lookup import carries, find, read
from ..records import ANOTHER_PATIENT, ELSEWHERE, TO_ANOTHER, TO_SEVERAL, UNREADABLE, Problem
from . import encounters

QUERY = "references"  # under which the records found here are stored
_READS_MAX = 10_000  # a chart refers to hundreds; a server's whole directory is not a chart
_IDS_MAX = 50  # in one search

_UNCHECKED = Problem(
    GapKind.UNSUPPORTED,
    "a conditional reference without an identifier, which nothing found can prove",
)
_LOOSE = Problem(GapKind.FAILED, "the source finds by an identifier what does not have it")
_TOO_MANY = Problem(GapKind.FAILED, f"more than {_READS_MAX} referenced records")
_ELSEWHERE = {
    Kind.FOREIGN: ELSEWHERE,
    Kind.URN: Problem(GapKind.UNSUPPORTED, "a server can't be asked for a urn"),
    Kind.INVALID: Problem(GapKind.UNSUPPORTED, "not a reference that FHIR knows"),
}


class _Row(NamedTuple):
    """One open row of `target`."""

    reference: str
    type: str
    id: str


def resolve_open(pull: Pull) -> bool:
    """Settle every open reference. True if any was asked for at the source."""
    _settle_known(pull)
    to_find: list[_Row] = []
    to_read: list[_Row] = []
    bases = pull.bases()
    with pull.case.commit():
        for row in _open(pull):
            target = parse(row.reference, *bases)
            if target.kind in _ELSEWHERE:
                _give_up(pull, row, _ELSEWHERE[target.kind])
            elif target.type in SEVERAL_PEOPLE:
                _give_up(pull, row, TO_SEVERAL)
            elif target.kind is Kind.CONDITIONAL:
                to_find.append(row)
            elif target.type == "Patient":
                _give_up(pull, row, TO_ANOTHER)
            elif row.reference == target.local:
                to_read.append(row)
        allowed = max(0, _READS_MAX - _tried(pull))
        for row in [*to_find, *to_read][allowed:]:
            _give_up(pull, row, _TOO_MANY)
    to_find, to_read = to_find[:allowed], to_read[: max(0, allowed - len(to_find))]
    pull.workers.each(lambda row: _find(pull, row), to_find)
    pull.workers.each(lambda rows: _read_together(pull, rows), _batches(pull, to_read))
    _settle_known(pull)
    return bool(to_find or to_read)


def _open(pull: Pull) -> list[_Row]:
    return sorted(_Row(*row) for row in targets.unsettled(pull.case))


def _settle_known(pull: Pull) -> None:
    """Settle what needs no asking: records that are there, and other spellings of a settled one."""
    with pull.case.commit():
        targets.settle_known(pull.case)


def _tried(pull: Pull) -> int:
    return targets.tried(pull.case, QUERY)


def _batches(pull: Pull, rows: list[_Row]) -> Iterable[list[_Row]]:
    by_type: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        by_type[row.type].append(row)
    for resource_type, group in by_type.items():
        searchable = "_id" in pull.capability.search.get(resource_type, ())
        size = _IDS_MAX if searchable else 1
        yield from (group[at : at + size] for at in range(0, len(group), size))


def _read_together(pull: Pull, rows: list[_Row]) -> None:
    """Read records of one type."""
    if pull.workers.stopping:
        return
    found: dict[str, bytes] = {}
    if len(rows) > 1:
        ids = {"_id": ",".join(row.id for row in rows), "_count": str(len(rows))}
        try:
            found = find(pull.source, rows[0].type, ids)
        except EndpointError as error:
            pull.still_there(error)  # each is read alone below, and has its own reason then
    for row in rows:
        if row.id in found:
            _keep(pull, row, row.id, found[row.id])
        elif not pull.workers.stopping:
            _read(pull, row)
    pull.tell(f"{rows[0].type} {len(rows)} referenced")


def _read(pull: Pull, row: _Row) -> None:
    try:
        body = read(pull.source, row.type, row.id)
    except EndpointError as error:
        pull.still_there(error)
        _give_up(pull, row, Problem(kind_of(error), str(error)))
    else:
        _keep(pull, row, row.id, body)


def _find(pull: Pull, row: _Row) -> None:
    """Resolve a conditional reference: exactly one match, or a gap (http.html#trules)."""
    if pull.workers.stopping:
        return
    said = parse_qsl(tidy(row.reference).partition("?")[2])
    tokens = [value for name, value in said if name == "identifier"]
    ids = [value for name, value in said if name == "_id"]
    if not tokens and not ids:
        _give_up(pull, row, _UNCHECKED)
        return
    try:
        found = find(pull.source, row.type, dict(said))
        strange = any(
            not all(carries(body, token) for token in tokens) or any(id_ != key for key in ids)
            for id_, body in found.items()
        )
    except EndpointError as error:
        pull.still_there(error)
        _give_up(pull, row, Problem(kind_of(error), str(error)))
        return
    if strange:
        _give_up(pull, row, _LOOSE)
        return
    if len(found) != 1:
        count = "several records answer" if found else "no record answers"
        _give_up(pull, row, Problem(GapKind.FAILED, f"{count} a conditional reference"))
        return
    for resource_id, body in found.items():
        _keep(pull, row, resource_id, body)


def _keep(pull: Pull, row: _Row, resource_id: str, body: bytes) -> None:
    """Store the record that answers a reference, and where the reference comes to."""
    record = pull.sieve.at(*pull.bases()).examine(body)
    if not isinstance(record, Record):
        if record is ANOTHER_PATIENT and row.type in ENCOUNTERS:
            encounters.note(pull, f"{row.type}/{resource_id}", row.reference)
        _give_up(pull, row, TO_ANOTHER if record is ANOTHER_PATIENT else record or UNREADABLE)
        return
    if (record.type, record.id) != (row.type, resource_id):
        _give_up(pull, row, Problem(GapKind.FAILED, "another record came back than was asked for"))
        return
    with pull.case.commit():
        put_record(pull.case, record, QUERY)
        names = {row.reference, f"{record.type}/{record.id}"}
        targets.had(pull.case, names, record.type, record.id)


def _give_up(pull: Pull, row: _Row, problem: Problem) -> None:
    with pull.case.commit():
        targets.give_up(pull.case, row.reference)
    pull.missing.add(row.type or "elsewhere", "referenced", *problem)
