"""The parts and members of the organisations that a Consent denies something to.

What is denied to a house is denied to its parts (`Organization.partOf`) and to those affiliated
with it (OrganizationAffiliation). Nothing in a chart refers to them, so they are looked for; the
caller follows what they refer to (`closure`).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...errors import EndpointError
from ...fhir.lossless import UndecodableError, decode
from ...fhir.references import objects, parse
from ...fhir.shapes import as_dict, dicts, objects_in
from ...gap import GapKind, Wanted
from ...store.case.casefile import CaseFile
from ...store.pulled import chart, targets
from ...store.pulled.chart import Record
from ..context import Gathering, Pull
from ..gaps import kind_of
from ..input.given import Files
from ..input.register import Register
from ..lookup import find
from ..records import Came

HOUSE = "Organization"
AFFILIATION = "OrganizationAffiliation"
_MOST = 200  # of all that are brought for one chart
_PARTS = Wanted(HOUSE, role="parts of one that a consent names")


def from_server(pull: Pull) -> None:
    """Bring them from a server, as far as it can be asked; where it can't, a gap says so."""
    asked = [
        (HOUSE, "partof"),
        (AFFILIATION, "primary-organization"),
        (AFFILIATION, "network"),
    ]
    declared = [(name, by) for name, by in asked if by in pull.capability.search.get(name, ())]

    def below(key: str) -> Iterator[Record]:
        for name, by in declared:
            for body in find(pull.source, name, {by: key}).values():
                found = pull.sieve.examine(body, Came.REFERRED)
                if isinstance(found, Record) and key in _above(body, *pull.bases()):
                    yield found
                    yield from members(found)

    def members(affiliation: Record) -> Iterator[Record]:
        for key in _members(affiliation, *pull.bases()):
            for body in find(pull.source, HOUSE, {"_id": key.partition("/")[2]}).values():
                found = pull.sieve.examine(body, Came.REFERRED)
                if isinstance(found, Record) and f"{found.type}/{found.id}" == key:
                    yield found

    named = _named(pull.case, *pull.bases())
    if named and (HOUSE, "partof") not in declared:
        pull.gap(_PARTS, GapKind.UNSUPPORTED, "the server declares no search by partof")
    try:
        _bring(pull, named, below)
    except EndpointError as error:
        pull.still_there(error)
        pull.gap(_PARTS, kind_of(error), str(error))


def from_files(gathering: Gathering, given: Files, register: Register) -> None:
    """Bring them from the files."""
    named = _named(gathering.case, *gathering.bases())
    if not named:
        return
    there: dict[str, Record] = {}
    below: dict[str, list[str]] = {}  # house → its parts, its affiliations, their members

    def keys(references: Iterable[str]) -> set[str]:
        found = {f"{k.type}/{k.id}" for text in references for k in register.find(text)}
        return found.union(*(_local([text], *gathering.bases()) for text in references))

    for name in (HOUSE, AFFILIATION):
        for one in given.of_type(name):
            found = gathering.sieve.examine(one.body)
            if isinstance(found, Record):
                key = f"{found.type}/{found.id}"
                there[key] = found
                under = [key, *keys(_written(found, "participatingOrganization"))]
                for above in keys(_references(found.body)):
                    below.setdefault(above, []).extend(under)
    _bring(gathering, named, lambda key: (there[k] for k in below.get(key, ()) if k in there))


def _bring(
    gathering: Gathering, named: Iterable[str], below: Callable[[str], Iterable[Record]]
) -> None:
    """Everything below the named houses, however far down."""
    case, steps, seen = gathering.case, sorted(named), set(named)
    while steps and len(seen) < _MOST:
        records = {(r.type, r.id): r for key in steps for r in below(key)}
        new = [record for record in records.values() if f"{record.type}/{record.id}" not in seen]
        steps = []
        with case.commit():
            for record in new:
                seen.add(f"{record.type}/{record.id}")
                steps += [f"{record.type}/{record.id}"] if record.type == HOUSE else []
                if not chart.has_record(case, record.type, record.id):
                    chart.put_record(case, record, str(_PARTS))
                # Nothing refers to it: it is kept all the same, and what it refers to is followed.
                targets.keep(case, record.type, record.id)
        steps = [key for key in dict.fromkeys(steps) if key not in named]


def _named(case: CaseFile, *bases: str) -> set[str]:
    """The keys of the organisations to which a Consent of the chart denies something."""
    had = targets.resolved(case, HOUSE)
    found: set[str] = set()
    for record in chart.of_type(case, "Consent"):
        for node in objects(_decoded(record.body)):
            actors = node.get("actor") if node.get("type") != "permit" else None
            for actor in dicts(actors):
                written = as_dict(actor.get("reference")).get("reference")
                if isinstance(written, str):
                    key = had.get(written) or parse(written, *bases).local
                    found.update({key} if key and key.startswith(f"{HOUSE}/") else ())
    return found


def _above(body: bytes, *bases: str) -> set[str]:
    return _local(_references(body), *bases)


def _members(affiliation: Record, *bases: str) -> set[str]:
    return _local(_written(affiliation, "participatingOrganization"), *bases)


def _local(references: Iterable[str], *bases: str) -> set[str]:
    return {key for text in references if (key := parse(text, *bases).local)}


def _references(body: bytes) -> list[str]:
    """What an Organization is part of, or an affiliation is to."""
    value = _decoded(body)
    return [text for name in ("partOf", "organization", "network") for text in _texts(value, name)]


def _written(record: Record, name: str) -> list[str]:
    return list(_texts(_decoded(record.body), name))


def _texts(value: dict[str, Any], name: str) -> Iterator[str]:
    """The References, literally, of a member of a resource."""
    for node in objects_in(value.get(name)):
        written = node.get("reference")
        if isinstance(written, str):
            yield written


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        value = decode(body)
    except UndecodableError:
        return {}
    return as_dict(value)
