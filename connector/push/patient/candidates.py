"""Those at the destination who may be the patient, read and compared. Nothing here decides."""

from typing import Any, NamedTuple

from ...errors import Held
from ...fhir.ids import FHIR_ID
from ...fhir.lossless import decode
from ...store.mapped import packet
from ...store.sent import delivery
from ..session import Session, key_of, parts
from ..wire.find import tags_of
from ..wire.read import read
from .demographics import different_person, out_of_use, same_demographics
from .identifiers import contradictions

CHOOSE = (
    "`connector resolve CASE` shows the records side by side and takes the right one; or have the"
    " wrong one corrected and run again."
)


class Candidate(NamedTuple):
    """One Patient there: its id, how it was found (in words), whether that way may settle it."""

    id: str
    found: str
    sure: bool


class Judged(NamedTuple):
    """A candidate read and compared.

    `person`: what of the person differs; `record`: why nothing may be attached to this record.
    Both name elements only.
    """

    candidate: Candidate
    patient: dict[str, Any]
    person: list[str]
    record: list[str]


def settled(session: Session, own: packet.Entry) -> Candidate | None:
    """The record under which records of this case stand there already: no other may follow."""
    place = delivery.id_map(session.case).get(key_of(own))
    if place is None or all(row.write_no == 0 for row in delivery.deliveries(session.case)):
        return None
    return Candidate(parts(place)[1], "records of this case stand under it", True)


def may_create(session: Session) -> bool:
    """Whether a new Patient is allowed when nobody is found."""
    named = session.request.destination_patient
    return named.create if named else session.settings.new_patient == "create"


def judge(session: Session, own: packet.Entry, candidate: Candidate) -> Judged:
    """Read a candidate as it is now and compare it. `Held` if it is not there."""
    body = read(session, f"Patient/{candidate.id}") if FHIR_ID.fullmatch(candidate.id) else None
    theirs = decode(body) if body is not None else {}
    named = (theirs.get("resourceType"), theirs.get("id")) if isinstance(theirs, dict) else ()
    if named != ("Patient", candidate.id):
        raise Held("identity", "the patient named is not at the destination", CHOOSE)
    ours = decode(own.body)
    on = str(session.case.state.as_of or "")
    # Of a record that we created nothing need be known twice; only a number may contradict it.
    ours_there = own.id in tags_of(theirs) and same_demographics(ours, theirs)
    differs = contradictions if ours_there else different_person
    person = differs(ours, theirs, on)
    production = session.settings.environment == "production"
    return Judged(candidate, theirs, person, out_of_use(ours, theirs, production=production))
