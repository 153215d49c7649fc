"""Who the patient is at the destination: settled before the first write, on every route.

Routes: the request names the record there; a Patient that an earlier packet of ours created; the
one hit of a search by identifiers; else a new Patient, if that is allowed. Whichever it is, the
record found is read and compared (compare.py), and any doubt holds the case for a person. The
destination's own Patient is never written.
"""

import re
from typing import Any

from ..errors import DestinationRefused, Held
from ..fhir import capability
from ..fhir.lossless import decode
from ..store import delivery, packet
from .compare import compare_patients, out_of_use, same_demographics
from .desk import Desk, Way, at_destination, key_of, parts
from .lookup import by_tag, read, search, tags_of

Identifier = tuple[str, str]  # (system, value)

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")  # R4 datatypes.html#id
_SPECIAL = re.compile(r"([\\,$|])")  # R4 search.html#escaping
_CHOOSE = (
    "Compare the two records and name the right one with destination_patient (id) in the request,"
    " or have the wrong one corrected; then run again."
)


def resolve(desk: Desk) -> None:
    """Settle who the patient and who the owner are at the destination. Writes nothing there.

    Sets the case facts `destination_patient` (`Patient/ID`, or None: to be created), `owner`
    (`Organization/ID` or None) and `patient_resolved`. Raises `Held` (`identity`, `owner`,
    `doubled`) and `DestinationRefused`.
    """
    with at_destination():
        _preflight(desk)
        owner = _owner(desk)
        own = desk.patient()
        patient = _patient(desk, own)
    with desk.case.commit():
        desk.case.set_fact("owner", owner)
        desk.case.set_fact("destination_patient", patient and f"Patient/{patient['id']}")
        desk.case.set_fact("patient_resolved", True)
        # What a stopped run adopted counts no more, and neither does its intent to create when
        # the patient turns out to be registered there by now.
        theirs = patient is not None and own.id not in tags_of(patient)
        desk.case.execute(
            "DELETE FROM delivery WHERE type = ? AND id = ? AND (write_no = 0 OR ?)",
            (own.type, own.id, theirs),
        )
        if patient is not None:
            delivery.adopt(desk.case, own.type, own.id, patient["id"])


def _preflight(desk: Desk) -> None:
    statement = capability.parse(desk.endpoint.get("metadata", "CapabilityStatement").body)
    if not statement.is_r4:
        raise DestinationRefused(
            f"the destination speaks FHIR {statement.fhir_version[:20]!r}, not R4 (4.0)",
            "Ask for its R4 base URL and correct base_url.",
        )
    desk.case.set_fact("way", _way(statement))


def _way(statement: capability.Capability) -> Way:
    # A server that lists no system interactions may still have them; one that lists others and
    # not this one means it.
    said = statement.interactions
    if not said or "transaction" in said:
        return "transaction"
    return "batch" if "batch" in said else "single"


def _owner(desk: Desk) -> str | None:
    owner = desk.settings.owner
    if owner is None:
        return None
    found: list[Any] = []
    if "|" in owner:
        system, _, value = owner.partition("|")
        found = _carriers(desk, "Organization", [(system, value)], "owner")
    elif _ID.fullmatch(parts(owner)[1]) and (body := read(desk, owner)) is not None:
        found = [decode(body)]
    if len(found) != 1 or found[0].get("resourceType") != "Organization":
        raise Held(
            "owner",
            f"`owner` of the destination names {len(found)} organisations there, not one",
            "Correct `owner` of this destination: the organisation is never created by us.",
        )
    return f"Organization/{found[0]['id']}"


def _patient(desk: Desk, own: packet.Entry) -> dict[str, Any] | None:
    """The Patient at the destination, compared and accepted; None: to be created."""
    ours = decode(own.body)
    choice = desk.request.destination_patient
    create = choice.create if choice else desk.settings.new_patient == "create"
    known = delivery.id_map(desk.case).get(key_of(own))
    if known and any(row.write_no > 0 for row in delivery.deliveries(desk.case)):
        # Records of this case went to that one already: it must still be the same person.
        return _accepted(own, ours, _read(desk, parts(known)[1]))
    if choice and choice.id:
        return _accepted(own, ours, _read(desk, choice.id))
    if choice and choice.identifier:
        system, _, value = choice.identifier.partition("|")
        found = _carriers(desk, "Patient", [(system, value)], "identity")
    else:
        found = _earlier(desk, own) + _carriers(
            desk, "Patient", _searchable(desk, ours, create), "identity"
        )
    candidates = {patient["id"]: patient for patient in found}
    if len(candidates) == 1:
        return _accepted(own, ours, *candidates.values())
    if candidates:
        raise Held("identity", f"{len(candidates)} patients at the destination match", _CHOOSE)
    if not create:
        raise Held(
            "identity",
            "no patient at the destination could be matched",
            "Have the patient registered there, name the record with destination_patient in the"
            " request, or allow a new one (destination_patient: create, or new_patient).",
        )
    return None


def _read(desk: Desk, patient_id: str) -> dict[str, Any]:
    body = read(desk, f"Patient/{patient_id}") if _ID.fullmatch(patient_id) else None
    patient = decode(body) if body is not None else {}
    if patient.get("resourceType") != "Patient" or patient.get("id") != patient_id:
        raise Held("identity", "the patient named is not at the destination", _CHOOSE)
    return dict(patient)


def _earlier(desk: Desk, own: packet.Entry) -> list[Any]:
    """The Patient that a packet of ours created, if there is one."""
    return [_read(desk, place.id) for place in by_tag(desk, [key_of(own)]).values()]


def _searchable(desk: Desk, ours: dict[str, Any], create: bool) -> list[Identifier]:
    """What to search by: identifiers in the configured systems; all, before one is created."""
    known = [
        (item["system"], item["value"])
        for item in ours.get("identifier") or []
        if isinstance(item.get("system"), str) and isinstance(item.get("value"), str)
    ]
    matching = [item for item in known if item[0] in desk.settings.match_systems]
    return matching or (known if create else [])


def _carriers(
    desk: Desk, resource_type: str, identifiers: list[Identifier], code: str
) -> list[Any]:
    """Resources that carry one of `identifiers`. `Held` if the search returns one that doesn't."""
    if not identifiers:
        return []
    tokens = ("|".join(_SPECIAL.sub(r"\\\1", part) for part in item) for item in identifiers)
    found = list(search(desk, resource_type, {"identifier": ",".join(tokens)}))
    for resource in found:
        carried = {(i.get("system"), i.get("value")) for i in resource.get("identifier") or []}
        if not carried & set(identifiers):
            raise Held(
                code,
                f"the destination's {resource_type} search by identifier returns records that do"
                " not have it",
                "Name the right record by its id instead.",
            )
    return found


def _accepted(own: packet.Entry, ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    created_by_us = own.id in tags_of(theirs) and same_demographics(ours, theirs)
    reasons = out_of_use(ours, theirs) if created_by_us else compare_patients(ours, theirs)
    if reasons:
        raise Held(
            "identity",
            "the patient found at the destination differs, or can't be compared, in: "
            + ", ".join(reasons),
            _CHOOSE,
        )
    return theirs
