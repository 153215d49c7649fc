"""Which elements of R4 say whom a record is about, and which encounters it belongs to. Pure.

Checked against the R4 models: every element that may name a Patient is here, or says who *did*
something (performer, author, focus, payor), where others than the patient stand rightly.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from .identifiers import pairs
from .lossless import decode, members
from .shapes import items

# The one element of each type that holds whom it is about, where that may be a Patient.
_SUBJECT = (
    "Account AdverseEvent Basic CarePlan CareTeam ChargeItem ClinicalImpression Communication"
    " CommunicationRequest Composition Condition DeviceRequest DeviceUseStatement DiagnosticReport"
    " DocumentManifest DocumentReference Encounter Flag Goal GuidanceResponse ImagingStudy Invoice"
    " List MeasureReport Media MedicationAdministration MedicationDispense MedicationRequest"
    " MedicationStatement Observation Procedure QuestionnaireResponse RequestGroup RiskAssessment"
    " ServiceRequest Specimen"
)
_PATIENT = (
    "AllergyIntolerance BodyStructure Claim ClaimResponse Consent CoverageEligibilityRequest"
    " CoverageEligibilityResponse DetectedIssue Device EpisodeOfCare ExplanationOfBenefit"
    " FamilyMemberHistory Immunization ImmunizationEvaluation ImmunizationRecommendation"
    " MolecularSequence NutritionOrder RelatedPerson SupplyDelivery VisionPrescription"
)
SUBJECT: Mapping[str, str] = {
    **dict.fromkeys(_SUBJECT.split(), "subject"),
    **dict.fromkeys(_PATIENT.split(), "patient"),
    "Coverage": "beneficiary",
    "EnrollmentRequest": "candidate",
    "ResearchSubject": "individual",
    "Task": "for",
}
# About a patient, though the patient is there as one of those who take part.
TAKE_PART = frozenset({"Appointment", "AppointmentResponse", "SupplyRequest"})
# Of these one that names nobody is nobody's: a device of the ward, a report on a population.
PERHAPS_NOBODYS = frozenset({"Device", "MeasureReport"})
SEVERAL_PEOPLE = frozenset({"Group", "Person"})
ENCOUNTERS = ("Encounter", "EpisodeOfCare")  # a record of one of these is of its patient
OTHER_PEOPLE = frozenset({"Practitioner", "PractitionerRole", "RelatedPerson"})

# Where to look, whatever the type is: whom it is about; then who takes part, where others than
# patients stand rightly.
ABOUT = ("subject", "patient", "beneficiary", "individual", "for", "candidate")
TAKING_PART = ("actor", "deliverTo", "securityContext")
DEEPER = {
    "participant": ("actor", "individual"),
    "context": ("sourcePatientInfo",),
}

# Without one of these in its bytes, such an element says nothing of a patient: not decoded.
_HINT = re.compile(rb"(?i)patient|identifier|urn:|\\u")
NAMES_INSIDE = re.compile(rb"(?i)patient|subject|\\u")


def telling(top: Mapping[str, msgspec.Raw]) -> Iterator[tuple[str, msgspec.Raw]]:
    """The members of a record that say whom it is about, or who takes part, by name."""
    for name in ABOUT:
        if name in top:
            yield name, top[name]
    for name in (*TAKING_PART, *DEEPER):
        if name in top and _HINT.search(bytes(top[name])):
            yield name, top[name]


def encounters(body: bytes) -> list[str]:
    """The references, as written, to the encounters and episodes that a record is part of.

    One by an identifier alone in the form of a conditional reference: `Encounter?identifier=s|v`.
    """
    top = members(body)
    found: list[str] = []
    for name in ("encounter", "context", "partOf"):
        for node in items(decode(top[name])) if name in top else ():
            if name == "partOf" and text(top, "resourceType") != "Encounter":
                continue
            for item in (node, *items(node.get("encounter"))) if isinstance(node, dict) else ():
                reference = item.get("reference") if isinstance(item, dict) else None
                if isinstance(reference, str):
                    found.append(reference)
                elif isinstance(item, dict):
                    found += _logical(item)
    return found


def _logical(reference: Mapping[str, Any]) -> list[str]:
    stated = reference.get("type")
    kinds = [stated] if isinstance(stated, str) else list(ENCOUNTERS)
    named = pairs(reference.get("identifier"))
    return [f"{kind}?identifier={s}|{v}" for kind in kinds for s, v in named if v]


def text(top: Mapping[str, msgspec.Raw], name: str) -> str:
    """A string member; empty if there is none."""
    value = decode(top[name]) if name in top else ""
    return value if isinstance(value, str) else ""
