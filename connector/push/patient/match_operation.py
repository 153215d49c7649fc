"""The destination's own matching, `Patient/$match`: whether we may ask it, and what it answers.

Asked only with enough to tell one person from another: a question that fits many discloses
strangers to us, and an answer to it proves nothing.
"""

from typing import Any, NamedTuple

from ...errors import Answered, DestinationRefused
from ...fhir.lossless import UndecodableError, encode
from ...fhir.record import peek
from ...fhir.shapes import dicts
from ..session import Session
from ..wire.read import matches
from .birth_date import birth_date
from .human_name import names
from .identifiers import codes_of

_OFF = (
    'Ask the people who run the destination, or set match = "off" for it: the other ways to find'
    " the patient stay."
)
WEIGHT_MIN = 9  # of level 0, the least that the guide lets anybody ask with
CERTAIN = "certain"
_CERTAINLY_NOT = "certainly-not"

# What is sent of the Patient: what a match can go by, and nothing of the chart.
_ELEMENTS = ("name", "telecom", "gender", "birthDate", "address")
_OF_IDENTIFIER = ("use", "type", "system", "value")
_OFFICIAL = frozenset({"PPN", "DL", "STID"})  # passport, driver's licence, state id (v2-0203)


class Match(NamedTuple):
    """One Patient that may be the one, and the server's grade (empty: it gave none)."""

    patient_id: str
    grade: str


def ask(session: Session, ours: dict[str, Any], *, certain_only: bool) -> list[Match]:
    """Ask (R4 patient-operation-match.html); those graded certainly-not are left out.

    `certain_only`: the server is asked to tell no others. Some tell them all the same. Raises
    `DestinationRefused` if it answers with an error.
    """
    patient = {name: ours[name] for name in _ELEMENTS if name in ours}
    patient["identifier"] = [
        {name: item[name] for name in _OF_IDENTIFIER if name in item}
        for item in dicts(ours.get("identifier"))
    ]
    parameters = [
        {"name": "resource", "resource": {"resourceType": "Patient", **patient}},
        {"name": "onlyCertainMatches", "valueBoolean": certain_only},
    ]
    body = encode({"resourceType": "Parameters", "parameter": parameters})
    what = "patient match"
    try:
        answer = session.endpoint.operation("Patient/$match", body, what).body
    except Answered as error:
        raise DestinationRefused(
            str(error),
            _OFF,
        ) from None
    try:
        found = [(peek(entry.body), entry.grade) for entry in matches(session, answer, what)]
    except UndecodableError as error:
        raise DestinationRefused(f"{what}: not answered as it should be ({error})", _OFF) from None
    return [
        Match(patient.id, grade)
        for patient, grade in found
        if patient.type == "Patient" and grade != _CERTAINLY_NOT
    ]


def weight(patient: dict[str, Any]) -> int:
    """How much is known of a person, of what would be sent, in points.

    By the Identity Matching guide 2.0 (HL7/fhir-identity-matching-ig, table of weighted values):
    5 for each passport, driver's licence or state id, 10 at most; 4 for one and 5 for more of
    address, phone, e-mail and other identifiers; 3 for family and given name; 2 for the birth date.
    """
    identifiers = [i for i in dicts(patient.get("identifier")) if i.get("value")]
    official = [i for i in identifiers if codes_of(i) & _OFFICIAL]
    reach = {str(t.get("system")) for t in dicts(patient.get("telecom")) if t.get("value")}
    others = (
        any(i.get("system") for i in identifiers if i not in official),
        any(map(_full, dicts(patient.get("address")))),
        "phone" in reach,
        "email" in reach,
    )
    named = any(name.known and not name.stands_in for name in names(patient))
    return (
        min(5 * len(official), 10)
        + (0, 4, 5)[min(sum(others), 2)]
        + 3 * named
        + 2 * (birth_date(patient) is not None)
    )


def _full(address: dict[str, Any]) -> bool:
    place = address.get("postalCode") or (address.get("city") and address.get("state"))
    return bool(address.get("use", "home") == "home" and address.get("line") and place)
