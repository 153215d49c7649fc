"""Where a patient's records are found in R4: resource type → search parameters, preferred first.

The types are those of the R4 (4.0.1) patient compartment (compartmentdefinition-patient.html); the
parameters those of the R4 search parameter registry that take a Patient. Left out on purpose:
Patient, Group, Person and Schedule (they would lead to other people), and Provenance (its patient
parameter finds only what was said about the Patient resource itself; see references/provenance.py).
"""

_BY_PATIENT = (
    "AllergyIntolerance AuditEvent BodyStructure Claim ClaimResponse Consent"
    " CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue EpisodeOfCare"
    " ExplanationOfBenefit FamilyMemberHistory Immunization ImmunizationEvaluation"
    " ImmunizationRecommendation MolecularSequence NutritionOrder RelatedPerson SupplyDelivery"
    " VisionPrescription"
)
_BY_PATIENT_OR_SUBJECT = (
    "Observation DiagnosticReport DocumentReference Encounter Procedure MedicationRequest"
    " Condition Account Basic CarePlan CareTeam ChargeItem ClinicalImpression Communication"
    " CommunicationRequest Composition DeviceRequest DeviceUseStatement DocumentManifest"
    " EnrollmentRequest Flag Goal ImagingStudy Invoice List MeasureReport Media"
    " MedicationAdministration MedicationDispense MedicationStatement QuestionnaireResponse"
    " RequestGroup RiskAssessment ServiceRequest Specimen"
)

# The types that usually have most pages come first, so that no long query is left for the end.
COMPARTMENT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_BY_PATIENT_OR_SUBJECT.split(), ("patient", "subject")),
    **dict.fromkeys(_BY_PATIENT.split(), ("patient",)),
    "AdverseEvent": ("subject",),
    "Appointment": ("patient", "actor"),
    "AppointmentResponse": ("patient", "actor"),
    "Coverage": ("patient", "beneficiary"),
    "ResearchSubject": ("patient", "individual"),
    "SupplyRequest": ("subject",),
}

# A patient's records all the same, though not in the R4 compartment: $everything misses them.
BESIDE: dict[str, tuple[str, ...]] = {"Device": ("patient",), "Task": ("patient", "subject")}

# Records that are the patient's own; all others are in the chart only because one of these, or
# what these refer to, refers to them.
OWN_TYPES = frozenset({"Patient", "Provenance", *COMPARTMENT, *BESIDE})

# About several people at once: never pulled, whoever returns them or refers to them.
