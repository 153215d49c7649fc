"""A record marked as entered in error: what says so, and nothing that R4 does not demand."""

from copy import deepcopy
from typing import Any

from .attachments import attachment_nodes
from .gate import required
from .references import objects

_ERROR = "entered-in-error"
# Types whose `status` may say so (the required value sets of R4).
_BY_STATUS = frozenset(
    {
        "Appointment", "CarePlan", "CareTeam", "ClinicalImpression", "Communication",
        "CommunicationRequest", "Composition", "Consent", "Coverage", "Device", "DeviceRequest",
        "DeviceUseStatement", "DiagnosticReport", "DocumentManifest", "DocumentReference",
        "Encounter", "EpisodeOfCare", "FamilyMemberHistory", "Flag", "ImagingStudy",
        "Immunization", "ImmunizationEvaluation", "List", "Media", "Medication",
        "MedicationAdministration", "MedicationDispense", "MedicationRequest",
        "MedicationStatement", "NutritionOrder", "Observation", "Procedure",
        "QuestionnaireResponse", "RequestGroup", "RiskAssessment", "ServiceRequest", "Specimen",
        "SupplyDelivery", "VisionPrescription",
    }
)  # fmt: skip
_TERMS = "http://terminology.hl7.org/CodeSystem"
_SAYING: dict[str, dict[str, Any]] = {
    "Condition": {
        "verificationStatus": {
            "coding": [{"system": f"{_TERMS}/condition-ver-status", "code": _ERROR}]
        }
    },
    "AllergyIntolerance": {
        "verificationStatus": {
            "coding": [{"system": f"{_TERMS}/allergyintolerance-verification", "code": _ERROR}]
        }
    },
    "Goal": {"lifecycleStatus": _ERROR},
}


def entered_in_error(resource: dict[str, Any]) -> dict[str, Any] | None:
    """A decoded resource emptied and marked; None for a type that can't say so (Patient, …).

    Kept are identity, `meta` and the elements that R4 demands; attachments in those lose their
    content. The same again for what is marked already.
    """
    name = resource["resourceType"]
    saying = _SAYING.get(name) or ({"status": _ERROR} if name in _BY_STATUS else None)
    if saying is None:
        return None
    kept = {
        key: deepcopy(value)
        for key, value in resource.items()
        if key in ("resourceType", "id", "meta") or required(name, key)
    }
    for attachment in attachment_nodes(kept):
        attachment.clear()
        attachment["title"] = "Removed"
    if any(str(node.get("reference", "")).startswith("#") for node in objects(kept)):
        kept["contained"] = resource.get("contained", [])
    return {**kept, **saying}
