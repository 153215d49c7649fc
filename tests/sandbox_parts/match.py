"""`Patient/$match` with scripted answers (FHIR R4 patient-operation-match.html)."""

from typing import Any

from connector.fhir.lossless import decode
from connector.sandbox.outcome import Refusal, Resource
from connector.sandbox.store import Store, Version

from .quirks import Quirks

_GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"


def match(store: Store, quirks: Quirks, parameters: Resource) -> Resource:
    """The searchset for Parameters that hold a Patient: `quirks.match`, as far as it is asked for.

    Raises `Refusal` for a body that is not what the operation takes.
    """
    given = {item.get("name"): item for item in parameters.get("parameter", [])}
    patient = given.get("resource", {}).get("resource", {})
    if parameters["resourceType"] != "Parameters" or patient.get("resourceType") != "Patient":
        raise Refusal(400, "required", "The parameter resource must hold a Patient")
    certain_only = given.get("onlyCertainMatches", {}).get("valueBoolean", False)
    wanted = [
        (patient_id, grade)
        for patient_id, grade in (quirks.match or {}).items()
        if grade == "certain" or quirks.match_tells_all or not certain_only
    ]
    stored = [(store.alive(f"Patient/{patient_id}"), grade) for patient_id, grade in wanted]
    entries = [_entry(found, grade) for found, grade in stored if found]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def _entry(found: Version, grade: str) -> dict[str, Any]:
    search: dict[str, Any] = {"mode": "match"}
    if grade:
        search["extension"] = [{"url": _GRADE, "valueCode": grade}]
    return {"resource": decode(found.body), "search": search}
