"""`Patient/$match` with scripted answers (FHIR R4 patient-operation-match.html)."""

from typing import Any

from connector.fhir.lossless import decode
from connector.sandbox.outcome import Refusal, Resource
from connector.sandbox.quirks import Quirks
from connector.sandbox.store import Store

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
    entries = [_entry(store, patient_id, grade) for patient_id, grade in wanted]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def _entry(store: Store, patient_id: str, grade: str) -> dict[str, Any]:
    found = store.alive(f"Patient/{patient_id}")
    assert found is not None, f"the script names no Patient that is stored: {patient_id}"
    search: dict[str, Any] = {"mode": "match"}
    if grade:
        search["extension"] = [{"url": _GRADE, "valueCode": grade}]
    return {"resource": decode(found.body), "search": search}
