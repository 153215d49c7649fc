"""Who the patient is at the destination: settled before the first write, and kept in view after it.

Routes: a person's choice; the request names the record there; a Patient that an earlier packet of
ours created; the one hit of a search by identifiers; the one that `$match` is certain of; else a
new Patient, if that is allowed. Those that are asked have to agree. Whichever it is, the record is
read and compared (demographics.py), and any doubt holds the case for a person. The destination's
own Patient is never written.
"""

from typing import Any

from ...errors import DestinationRefused, Held
from ...fhir import capability
from ...fhir.ids import FHIR_ID
from ...fhir.lossless import decode
from ...store.mapped import packet
from ...store.sent import delivery
from ..session import Session, at_destination, key_of, parts, way_of
from ..wire.find import tags_of
from ..wire.read import read
from . import choice
from .candidates import CHOOSE, Candidate, Judged, judge, may_create, settled
from .match_operation import WEIGHT_MIN, weight
from .search import asks_match, carriers, gather


def resolve(session: Session) -> None:
    """Settle who the patient and who the owner are at the destination. Writes nothing there.

    Sets in the state: `destination_patient` (`Patient/ID`, or None: to be created), `owner`
    (`Organization/ID` or None) and `patient_resolved`. Raises `Held` (`identity`, `owner`,
    `doubled`) and `DestinationRefused`.
    """
    with at_destination():
        statement = _preflight(session)
        owner = _owner(session)
        own = session.patient()
        patient = _patient(session, own, statement)
    with session.case.commit():
        session.case.state.owner = owner
        session.case.state.destination_patient = f"Patient/{patient['id']}" if patient else None
        session.case.state.patient_resolved = True
        # What a stopped run adopted counts no more, and neither does its intent to create when
        # the patient turns out to be registered there by now.
        theirs = patient is not None and own.id not in tags_of(patient)
        delivery.forget(session.case, own.type, own.id, also_sent=theirs)
        if patient is not None:
            delivery.adopt(session.case, own.type, own.id, patient["id"])


def check_again(session: Session) -> None:
    """Read and compare the destination's Patient as it is now, if it stands there yet.

    Before records are sent, announced or cancelled, and by `verify`: records can be merged, closed
    or corrected at any moment.
    Raises `Held` (`identity`).
    """
    own = session.patient()
    place = delivery.id_map(session.case).get(key_of(own))
    if place is not None:
        with at_destination():
            _accepted(session, own, Candidate(parts(place)[1], "settled", True))


def candidates(session: Session) -> list[Judged]:
    """Everybody who may be the patient, read and compared: for a person who chooses."""
    with at_destination():
        own = session.patient()
        known = settled(session, own)
        found = (
            [known] if known else gather(session, own, _preflight(session), wide=True).candidates
        )
        return [judge(session, own, one) for one in found]


def settle_way(session: Session) -> None:
    """Settle how writes travel there, where that is not known yet (a case made from a receipt)."""
    if session.case.state.way is None:
        _preflight(session)


def _preflight(session: Session) -> capability.Capability:
    statement = capability.parse(session.endpoint.get("metadata", "CapabilityStatement").body)
    if not statement.is_r4:
        raise DestinationRefused(
            f"the destination speaks FHIR {statement.fhir_version[:20]!r}, not R4 (4.0)",
            "Ask for its R4 base URL and correct base_url.",
        )
    session.case.state.way = way_of(session.settings, statement)
    return statement


def _owner(session: Session) -> str | None:
    owner = session.settings.owner
    if owner is None:
        return None
    found: list[Any] = []
    if "|" in owner:
        system, _, value = owner.partition("|")
        found = carriers(session, "Organization", [(system, value)], "owner")
    elif not session.reads:
        return owner  # as the operator says: nobody else can tell
    elif FHIR_ID.fullmatch(parts(owner)[1]) and (body := read(session, owner)) is not None:
        found = [decode(body)]
    if len(found) != 1 or found[0].get("resourceType") != "Organization":
        raise Held(
            "owner",
            f"`owner` of the destination names {len(found)} organisations there, not one",
            "Correct `owner` of this destination: the organisation is never created by us.",
        )
    return f"Organization/{found[0]['id']}"


def _patient(
    session: Session, own: packet.Entry, statement: capability.Capability
) -> dict[str, Any] | None:
    """The Patient at the destination, compared and accepted; None: to be created."""
    if known := settled(session, own):
        return _accepted(session, own, known)
    made = choice.current(session)
    if made and made["patient"] != choice.NEW:
        chosen = Candidate(parts(made["patient"])[1], "chosen by a person", True)
        return _accepted(session, own, chosen)
    to_be_created = made is not None and may_create(session)
    found, unknown = gather(session, own, statement, wide=to_be_created)
    if made and to_be_created:
        choice.stands_alone(made, own, [judge(session, own, one) for one in found])
        return None
    sure = [one for one in found if one.sure]
    if len(sure) == 1:
        return _accepted(session, own, sure[0])
    if found:
        raise _several(session, own, sure or found)
    if not may_create(session):
        raise _nobody(session, own, statement)
    if unknown:
        raise Held(
            "identity",
            "nobody was found at the destination, but whether the patient is there is not known: "
            + "; ".join(unknown),
            "Have the patient registered there and name the record with destination_patient in"
            " the request; or let a person choose a new one: `connector resolve CASE`.",
        )
    return None


def _accepted(session: Session, own: packet.Entry, candidate: Candidate) -> dict[str, Any]:
    """The candidate's Patient, if it is the same person, or a person said so, and is in use."""
    one = judge(session, own, candidate)
    overruled = choice.covers(choice.current(session), own, one)
    differing = one.record if overruled else one.person + one.record
    if differing:
        raise Held(
            "identity",
            "the patient found at the destination differs, or can't be compared, in: "
            + ", ".join(differing),
            CHOOSE,
        )
    return one.patient


def _several(session: Session, own: packet.Entry, found: list[Candidate]) -> Held:
    judged = [judge(session, own, one) for one in found]
    each = "; ".join(", ".join(one.person + one.record) or "nothing" for one in judged)
    how = "match" if found[0].sure else "may be this one, but not certainly"
    number = f"{len(found)} patients" if len(found) > 1 else "a patient"
    return Held("identity", f"{number} at the destination {how}; differing in: {each}", CHOOSE)


def _nobody(session: Session, own: packet.Entry, statement: capability.Capability) -> Held:
    points = weight(decode(own.body))
    asked = asks_match(session, statement)
    unasked = (
        f" ($match was not asked: what is known weighs {points}, the least is {WEIGHT_MIN})"
        if asked and points < WEIGHT_MIN
        else ""
    )
    return Held(
        "identity",
        f"no patient at the destination could be matched{unasked}",
        "Have the patient registered there, name the record with destination_patient in the"
        " request, or allow a new one (destination_patient: create, or new_patient).",
    )
