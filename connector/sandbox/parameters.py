"""What the sandbox can search by: R4 search parameters and the R4 patient compartment, as a table.

Taken from the SearchParameter resources and CompartmentDefinition/patient of FHIR R4 (4.0.1).
One paragraph per type: its token parameters, then after `>` its reference parameters. `name=path`
where the element path differs from the parameter's name, `,` between paths, `*` before a parameter
through which the type belongs to the patient compartment (Device and Task do not, in R4). Of a
Patient, names (strings in FHIR) are found only as they are written, the birth date by day, month
and year.
"""

from dataclasses import dataclass

_TABLE = """
Account identifier status type > owner patient=subject *subject
AdverseEvent category > location recorder resultingcondition=resultingCondition study *subject
  substance=suspectEntity.instance
AllergyIntolerance category clinical-status=clinicalStatus code=code,reaction.substance identifier
  type > *asserter *patient *recorder
Appointment identifier status > *actor=participant.actor based-on=basedOn
  location=participant.actor patient=participant.actor practitioner=participant.actor
  reason-reference=reasonReference slot supporting-info=supportingInformation
AppointmentResponse identifier > *actor appointment location=actor patient=actor
  practitioner=actor
AuditEvent type > agent=agent.who entity=entity.what *patient=agent.who,entity.what
  source=source.observer
Basic code identifier > *author *patient=subject subject
Binary
BodyStructure identifier > *patient
Bundle identifier type
CarePlan category identifier intent status > activity-reference=activity.reference
  based-on=basedOn care-team=careTeam condition=addresses encounter goal part-of=partOf
  *patient=subject *performer=activity.detail.performer replaces subject
CareTeam category identifier status > encounter *participant=participant.member *patient=subject
  subject
ChargeItem code identifier > account context enterer patient=subject
  performer-actor=performer.actor performing-organization=performingOrganization
  requesting-organization=requestingOrganization service *subject
Claim identifier status > care-team=careTeam.provider encounter=item.encounter enterer facility
  insurer *patient *payee=payee.party provider
ClaimResponse identifier status > insurer *patient request requestor
ClinicalImpression identifier status > assessor encounter finding-ref=finding.itemReference
  investigation=investigation.item patient=subject previous problem *subject
  supporting-info=supportingInfo
Communication category identifier status > based-on=basedOn encounter part-of=partOf
  patient=subject *recipient *sender *subject
CommunicationRequest category identifier status > based-on=basedOn encounter patient=subject
  *recipient replaces *requester *sender *subject
Composition category identifier status type > *attester=attester.party *author encounter
  entry=section.entry patient=subject related-ref=relatesTo.targetReference *subject
Condition category clinical-status=clinicalStatus code identifier > *asserter encounter
  evidence-detail=evidence.detail *patient=subject subject
Consent category identifier status > actor=provision.actor.reference consentor=performer
  data=provision.data.reference organization *patient
  source-reference=sourceReference
Coverage identifier status type > *beneficiary patient=beneficiary *payor
  *policy-holder=policyHolder *subscriber
CoverageEligibilityRequest identifier status > enterer facility *patient provider
CoverageEligibilityResponse identifier status > insurer *patient request requestor
DetectedIssue code identifier status > author implicated *patient
Device identifier status type > location organization=owner patient
DeviceMetric category identifier type > parent source
DeviceRequest code=codeCodeableConcept identifier intent status > based-on=basedOn
  device=codeReference encounter insurance patient=subject *performer prior-request=priorRequest
  requester *subject
DeviceUseStatement identifier > device patient=subject *subject
DiagnosticReport category code identifier status > based-on=basedOn encounter media=media.link
  patient=subject performer result results-interpreter=resultsInterpreter specimen *subject
DocumentManifest identifier=masterIdentifier,identifier status type > *author item=content
  patient=subject *recipient related-ref=related.ref *subject
DocumentReference category identifier=masterIdentifier,identifier status type > authenticator
  *author custodian encounter=context.encounter patient=subject related=context.related
  relatesto=relatesTo.target *subject
Encounter identifier status type > account appointment based-on=basedOn
  diagnosis=diagnosis.condition episode-of-care=episodeOfCare location=location.location
  part-of=partOf participant=participant.individual *patient=subject
  practitioner=participant.individual reason-reference=reasonReference
  service-provider=serviceProvider subject
Endpoint identifier status > organization=managingOrganization
EnrollmentRequest identifier status > patient=candidate *subject=candidate
EpisodeOfCare identifier status type > care-manager=careManager condition=diagnosis.condition
  incoming-referral=referralRequest organization=managingOrganization *patient
ExplanationOfBenefit identifier status > care-team=careTeam.provider claim
  coverage=insurance.coverage encounter=item.encounter enterer facility *patient
  *payee=payee.party provider
FamilyMemberHistory code=condition.code identifier status > *patient
Flag identifier > author encounter *patient=subject subject
Goal category identifier > *patient=subject subject
Group code identifier type > managing-entity=managingEntity *member=member.entity
HealthcareService identifier > coverage-area=coverageArea endpoint location
  organization=providedBy
ImagingStudy identifier status > basedon=basedOn encounter endpoint=endpoint,series.endpoint
  interpreter *patient=subject performer=series.performer.actor referrer subject
Immunization identifier status > location manufacturer *patient performer=performer.actor
  reaction=reaction.detail reason-reference=reasonReference
ImmunizationEvaluation identifier status > immunization-event=immunizationEvent *patient
ImmunizationRecommendation identifier status=recommendation.forecastStatus >
  information=recommendation.supportingPatientInformation *patient
  support=recommendation.supportingImmunization
Invoice identifier status type > account issuer participant=participant.actor *patient=subject
  *recipient *subject
List code identifier status > encounter item=entry.item patient=subject *source *subject
Location identifier status type > endpoint organization=managingOrganization partof=partOf
MeasureReport identifier status > evaluated-resource=evaluatedResource *patient=subject reporter
  subject
Media identifier status type > based-on=basedOn device encounter operator patient=subject *subject
Medication code identifier status > ingredient=ingredient.itemReference manufacturer
MedicationAdministration code=medicationCodeableConcept identifier status > context device
  medication=medicationReference *patient=subject *performer=performer.actor request *subject
MedicationDispense code=medicationCodeableConcept identifier status type > context destination
  medication=medicationReference *patient=subject performer=performer.actor
  prescription=authorizingPrescription *receiver responsibleparty=substitution.responsibleParty
  *subject
MedicationRequest category code=medicationCodeableConcept identifier intent status > encounter
  intended-dispenser=dispenseRequest.performer intended-performer=performer
  medication=medicationReference patient=subject requester *subject
MedicationStatement category code=medicationCodeableConcept identifier status > context
  medication=medicationReference part-of=partOf patient=subject source=informationSource *subject
MessageHeader > author enterer focus receiver=destination.receiver responsible
  sender target=destination.target
MolecularSequence identifier type > *patient
NutritionOrder identifier status > encounter *patient provider=orderer
Observation category code identifier status > based-on=basedOn derived-from=derivedFrom device
  encounter focus has-member=hasMember part-of=partOf patient=subject *performer specimen *subject
Organization identifier type > endpoint partof=partOf
OrganizationAffiliation identifier > endpoint network
  participating-organization=participatingOrganization
  primary-organization=organization
Patient birthdate=birthDate family=name.family given=name.given identifier >
  general-practitioner=generalPractitioner *link=link.other
  organization=managingOrganization
Person identifier > link=link.target organization=managingOrganization *patient=link.target
  practitioner=link.target relatedperson=link.target
Practitioner identifier
PractitionerRole identifier > endpoint location organization practitioner
  service=healthcareService
Procedure category code identifier status > based-on=basedOn encounter location part-of=partOf
  *patient=subject *performer=performer.actor reason-reference=reasonReference subject
Provenance > agent=agent.who entity=entity.what location *patient=target target
QuestionnaireResponse identifier status > *author based-on=basedOn encounter part-of=partOf
  patient=subject source *subject
RelatedPerson identifier > *patient
RequestGroup code identifier intent status > author encounter *participant=action.participant
  patient=subject *subject
ResearchSubject identifier status > *individual patient=individual study
RiskAssessment identifier > condition encounter patient=subject performer *subject
Schedule identifier > *actor
ServiceRequest category code identifier intent status > based-on=basedOn encounter patient=subject
  *performer replaces requester specimen *subject
Specimen identifier status type > collector=collection.collector parent patient=subject *subject
Substance category code=code,ingredient.substanceCodeableConcept identifier status >
  substance-reference=ingredient.substanceReference
SupplyDelivery identifier status > *patient receiver supplier
SupplyRequest category identifier status > requester *subject=deliverTo supplier
Task code identifier intent status > based-on=basedOn encounter focus owner part-of=partOf
  patient=for requester subject=for
VisionPrescription identifier status > encounter *patient prescriber
"""


@dataclass(frozen=True)
class Parameters:
    """The search parameters of one type: name → element paths, dotted, without list indexes."""

    tokens: dict[str, tuple[str, ...]]
    references: dict[str, tuple[str, ...]]
    compartment: frozenset[str]  # element paths that put a resource into a patient's compartment

    def names(self) -> set[str]:
        """Every parameter of the type that has a table entry."""
        return {*self.tokens, *self.references}


def _parse(paragraph: str) -> Parameters:
    tokens, _, references = paragraph.partition(">")
    members = [field.lstrip("*") for field in references.split() if field.startswith("*")]
    return Parameters(
        tokens=dict(map(_field, tokens.split())),
        references=dict(map(_field, references.replace("*", "").split())),
        compartment=frozenset(path for field in members for path in _field(field)[1]),
    )


def _field(text: str) -> tuple[str, tuple[str, ...]]:
    name, _, paths = text.partition("=")
    return name, tuple((paths or name).split(","))


def _types(table: str) -> dict[str, Parameters]:
    lines = table.strip().replace("\n ", " ").splitlines()
    return {name: _parse(rest) for name, _, rest in (line.partition(" ") for line in lines)}


# Parameters of every type; the values are read from `meta` and the id.
COMMON = {"_id": "token", "_tag": "token", "_security": "token", "_profile": "uri"}

NONE = Parameters({}, {}, frozenset())
PARAMETERS: dict[str, Parameters] = _types(_TABLE)
