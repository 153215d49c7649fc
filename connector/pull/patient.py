"""Exactly one patient, or nothing at all."""

from typing import Any

from ..case import PatientChoice
from ..endpoint import Endpoint
from ..errors import Answered, EndpointError, Held, SourceFailed
from ..fhir.lossless import UndecodableError, decode, sha256
from ..fhir.record import peek
from ..store.chart import Record
from .lookup import find, read

_CHECK = "Find out which record at the source is this person's, and name it in the request."


def find_patient(source: Endpoint, choice: PatientChoice) -> Record:
    """The one Patient at the source that the request names, active and not merged away.

    Raises `Held` (code `patient`) for none or several, or one that is inactive or replaced, and
    `SourceFailed` if the source can't be asked. No message holds an id.
    """
    try:
        body = _by_id(source, choice.id) if choice.id else _by_identifier(source, choice)
        seen = peek(body)
        patient = decode(body)
    except EndpointError as error:
        raise SourceFailed(
            f"the patient can't be read: {error}",
            error.what_to_do or "Ask the source for read access to Patient.",
        ) from None
    except UndecodableError:
        raise SourceFailed(
            "the patient can't be read: not a FHIR Patient", "Check base_url of the source."
        ) from None
    if seen.type != "Patient" or (choice.id and seen.id != choice.id):
        raise Held("patient", "the source answered with another record than was asked for", _CHECK)
    if seen.subsetted:
        raise SourceFailed("the source shows the patient only in part", "Ask it for full access.")
    check_current(patient)
    return Record(seen.type, seen.id, seen.version, sha256(body), body)


def _by_id(source: Endpoint, patient_id: str) -> bytes:
    try:
        return read(source, "Patient", patient_id)
    except Answered as error:
        if error.status in (404, 410):
            raise Held("patient", "the source has no patient with this id", _CHECK) from None
        raise


def _by_identifier(source: Endpoint, choice: PatientChoice) -> bytes:
    found = find(source, "Patient", {"identifier": choice.identifier or ""})
    if len(found) != 1:
        raise Held(
            "patient",
            f"{len(found) or 'no'} patients at the source have this identifier, expected one",
            _CHECK,
        )
    return next(iter(found.values()))


def check_current(patient: dict[str, Any]) -> None:
    """FHIR R4 patient.html#Patient.link: a replaced record must no longer be used."""
    links = [link for link in patient.get("link") or [] if isinstance(link, dict)]
    if any(link.get("type") == "replaced-by" for link in links):
        raise Held("patient", "this patient record was merged into another one", _CHECK)
    if patient.get("active") is False:
        raise Held("patient", "this patient record is not active", _CHECK)
