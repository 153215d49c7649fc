"""The sensitive kinds that leave are told to the person who decides, and to nobody else."""

from dataclasses import replace
from typing import Any

import pytest

from connector.errors import Held
from connector.fhir.lossless import encode
from connector.packet.record.sensitive_kinds import Guesses
from connector.store.case.casefile import CaseFile
from connector.view.outline import _sensitive
from tests.packet.charts import MAPPINGS, PATIENT, put, request, resources, run

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SUBJECT = {"reference": "Patient/p"}
WHOLE = request(scope="whole-chart")
GUESSES = Guesses(MAPPINGS.heuristic)
ICD, SCT = "http://hl7.org/fhir/sid/icd-10-cm", "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def concept(system: str | None, code: str) -> dict[str, Any]:
    return {"coding": [{"code": code} | ({"system": system} if system else {})]}


def condition(code: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": "c", "subject": SUBJECT, "code": code} | more


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        (concept(ICD, "F11.20"), "substance-use"),
        (concept(ICD, "f1120"), "substance-use"),
        (concept("http://hl7.org/fhir/sid/icd-10", "F10.2"), "substance-use"),
        (concept("urn:oid:2.16.840.1.113883.6.90", "F11.20"), "substance-use"),
        (concept("ICD-10-CM", "F11.20"), "substance-use"),
        (concept(None, "F11.20"), "substance-use"),
        (concept("http://hl7.org/fhir/sid/icd-9-cm", "304.00"), "substance-use"),
        (concept(SCT, "75544000"), "substance-use"),
        (concept(f"{SCT}/731000124108", "75544000"), None),
        (concept(f"{SCT}|http://snomed.info/sct/731000124108", "75544000"), "substance-use"),
        (concept("urn:oid:2.16.840.1.113883.6.96", "75544000"), "substance-use"),
        (concept(RXNORM, "1010600"), "substance-use"),
        (concept("2.16.840.1.113883.6.88", "6813"), "substance-use"),
        (concept("http://www.whocc.no/atc", "N07BC02"), "substance-use"),
        ({"text": "Suboxone 8 mg"}, "substance-use"),
        (concept(ICD, "B20"), "hiv"),
        (concept("http://loinc.org", "25836-8"), "hiv"),
        (concept(ICD, "F32.9"), "mental-health"),
        (concept("http://loinc.org", "34840-9"), "mental-health"),
        (concept(ICD, "O80"), "pregnancy"),
        ({"text": "Contraceptive counselling"}, "reproductive"),
        (concept(ICD, "D57.1"), "genetic"),
        (concept(ICD, "F64.0"), "gender"),
        (concept(ICD, "T74.11XA"), "violence"),
        ({"coding": [{"display": "Victim of intimate partner abuse"}]}, "violence"),
        ({"text": "Asylum seeker"}, "immigration"),
        (concept(ICD, "Z59.0"), "social"),
        (concept(ICD, "F17.210"), None),
        (concept(ICD, "M17.11"), None),
        (concept("http://loinc.org", "6813"), None),  # the same digits elsewhere
        ({"text": "Hearing aids, archive"}, None),
    ],
)  # fmt: skip
def test_a_kind_by_code_drug_and_word(code: dict[str, Any], rule: str | None) -> None:
    found = GUESSES.of("Condition", encode(condition(code)))
    expected = f"heuristic-{rule}" if rule else None
    assert expected in found if expected else not found


def test_the_dry_run_lists_labelled_and_guessed_kinds_and_the_packet_says_nothing(
    case: CaseFile,
) -> None:
    label = {"security": [{"system": ACT, "code": "HIV"}]}
    put(
        case,
        condition({"text": "x"}, meta=label),
        condition(concept(ICD, "T74.11XA"), id="d"),
        condition(concept(ICD, "M17.11"), id="e"),
    )
    outline = run(case, WHOLE)
    assert outline.sensitive["kinds"] == [
        {"kind": "HIV", "by": "label", "records": ["Condition/c"]},
        {"kind": "violence", "by": "guess", "records": ["Condition/d"]},
    ]
    lines = "\n".join(_sensitive(outline.sensitive))
    for word in ("HIV: 1", "labelled", "violence: 1", "a guess", "Condition/d", "State law"):
        assert word in lines
    assert b"State law" not in b"".join(map(encode, resources(case)))


def test_a_minors_own_care_is_told_as_such(case: CaseFile) -> None:
    put(case, PATIENT | {"birthDate": "2010-01-02"}, condition({"text": "Contraceptive pill"}))
    kinds = {each["kind"] for each in run(case, WHOLE).sensitive["kinds"]}
    assert kinds == {"minors' confidential care", "sexual and reproductive health"}
    put(case, PATIENT | {"birthDate": "2000-01-02"})
    kinds = {each["kind"] for each in run(case, WHOLE).sensitive["kinds"]}
    assert kinds == {"sexual and reproductive health"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("OUD on treatment", "substance use"),
        ("Screen: AUDIT-C", "substance use"),
        ("IPV screen", "violence"),
        ("on PrEP since May", "HIV"),
        ("Loud murmur; audit of the chart", None),
        ("bowel prep on prescription", None),
    ],
)
def test_abbreviations_are_whole_words(case: CaseFile, text: str, kind: str | None) -> None:
    put(case, condition({"text": text}))
    assert [each["kind"] for each in run(case, WHOLE).sensitive["kinds"]] == (
        [kind] if kind else []
    )


def test_by_setting_a_case_is_held_until_the_request_names_the_records(case: CaseFile) -> None:
    held = MAPPINGS.heuristic.model_copy(update={"mode": "hold"})
    mappings = replace(MAPPINGS, heuristic=held)
    put(case, condition(concept(SCT, "75544000")))
    with pytest.raises(Held) as caught:
        run(case, WHOLE, mappings=mappings)
    assert caught.value.code == "sensitive"
    assert "substance" not in str(caught.value)
    named = request(scope="whole-chart", include=["Condition/c"])
    assert run(case, named, mappings=mappings).counts["selected"] == 2
    stays = request(scope="whole-chart", exclude=["Condition/c"])
    assert run(case, stays, mappings=mappings).counts["selected"] == 1


def drug(kind: str, **more: Any) -> dict[str, Any]:
    label = {"security": [{"system": ACT, "code": "42CFRPart2"}]}
    return {"resourceType": kind, "id": "m", "meta": label, "subject": SUBJECT,
            "status": "completed", "medicationCodeableConcept": {"text": "x"}} | more  # fmt: skip


TABLETS = {"value": 90, "unit": "tablet"}
EXPLANTED = {"coding": [{"system": "http://hl7.org/fhir/device-action", "code": "explanted"}]}


def dose(a_day: int) -> dict[str, Any]:
    repeat = {"frequency": a_day, "period": 1, "periodUnit": "d"}
    return {"timing": {"repeat": repeat}, "doseAndRate": [{"doseQuantity": {"value": 1,
            "unit": "tablet"}}]}  # fmt: skip


@pytest.mark.parametrize(
    ("record", "holds"),
    [
        (drug("MedicationDispense", whenHandedOver="2026-11-20", daysSupply={"value": 90}), True),
        (drug("MedicationDispense", whenHandedOver="2026-11-20",
              daysSupply={"value": 3, "unit": "months", "code": "mo"}), True),
        (drug("MedicationDispense", whenHandedOver="2026-01-20", daysSupply={"value": 90}), False),
        (drug("MedicationDispense", whenPrepared="2026-11-20", daysSupply={"value": 30}), True),
        (drug("MedicationDispense", whenHandedOver="2026-11-20"), False),
        (drug("MedicationRequest", authoredOn="2026-10-01",
              dispenseRequest={"validityPeriod": {"end": "2027-10-01"}}), True),
        (drug("MedicationRequest", authoredOn="2026-10-01", dispenseRequest={
            "numberOfRepeatsAllowed": 2, "expectedSupplyDuration": {"value": 30}}), True),
        (drug("MedicationRequest", authoredOn="2024-10-01", dispenseRequest={
            "numberOfRepeatsAllowed": 2, "expectedSupplyDuration": {"value": 30}}), False),
        (drug("MedicationRequest", status="stopped",
              dispenseRequest={"validityPeriod": {"end": "2027-10-01"}}), False),
        (drug("Device", status="active", type={"text": "pacemaker"}), True),
        (drug("Device", status="inactive"), False),
        (drug("DeviceUseStatement", status="active"), True),
        (drug("Flag", status="active", code={"text": "falls"}), True),
        (drug("Flag", status="inactive", code={"text": "falls"}), False),
        (drug("Condition", code=concept(ICD, "Z33.1"), recordedDate="2026-08-01"), True),
        (drug("Condition", code=concept(ICD, "Z33.1"), recordedDate="2024-08-01"), False),
        (drug("Observation", code=concept("http://loinc.org", "82810-3"),
              effectiveDateTime="2026-11-01"), True),
        (drug("Observation", code=concept("http://loinc.org", "11778-8"),
              effectiveDateTime="2026-11-01", valueDateTime="2027-05-01"), True),
        (drug("Condition", code={"text": "Gravida 2, 20 weeks"}, recordedDate="2026-11-01"), True),
        (drug("MedicationDispense", whenHandedOver="2026-11-20",
              daysSupply={"value": 6, "unit": "weeks"}), True),
        (drug("MedicationDispense", whenHandedOver="2026-07-20",
              daysSupply={"value": 6, "unit": "weeks"}), False),
        (drug("MedicationDispense", whenHandedOver="2026-11-20",
              dosageInstruction=[{"text": "1 daily for 6 weeks"}]), True),
        (drug("MedicationDispense", whenHandedOver="2026-11-20", dosageInstruction=[
            {"timing": {"repeat": {"boundsDuration": {"value": 2, "code": "mo"}}}}]), True),
        (drug("MedicationDispense", whenHandedOver="2026-10-20", quantity=TABLETS,
              dosageInstruction=[dose(1)]), True),
        (drug("MedicationDispense", whenHandedOver="2026-08-20", quantity=TABLETS,
              dosageInstruction=[dose(3)]), False),
        (drug("MedicationDispense", whenHandedOver="2026-10-20", quantity=TABLETS,
              dosageInstruction=[{"timing": {"code": {"coding": [{"code": "QD"}]}}}]), True),
        (drug("MedicationRequest", authoredOn="2026-10-20", dosageInstruction=[dose(1)],
              dispenseRequest={"quantity": TABLETS}), True),
        (drug("MedicationAdministration", effectiveDateTime="2026-11-20",
              medicationCodeableConcept={"text": "Paliperidone palmitate"}), True),
        (drug("MedicationAdministration", effectiveDateTime="2025-11-20",
              medicationCodeableConcept={"text": "Paliperidone palmitate"}), False),
        (drug("MedicationAdministration", effectiveDateTime="2026-11-20"), False),
        (drug("Procedure", focalDevice=[{"manipulated": {"display": "x"}}]), True),
        (drug("Procedure", focalDevice=[{"action": EXPLANTED, "manipulated": {}}]), False),
        (drug("Procedure", code={"text": "Implantation of ICD"}), True),
        (drug("Procedure", code={"text": "Explantation of nail"}), False),
        (drug("AdverseEvent", actuality="actual"), True),
        (drug("Consent", status="active", scope={"coding": [{"code": "adr"}]}), True),
        (drug("Consent", status="inactive", scope={"coding": [{"code": "adr"}]}), False),
        (drug("Consent", status="active", scope={"coding": [{"code": "treatment"}]},
              category=[{"coding": [{"code": "dnr"}]}]), True),
        (drug("DocumentReference", status="current",
              type=concept("http://loinc.org", "42348-3")), True),
        (drug("DocumentReference", status="current", type={"text": "Will of iron"}), False),
        (drug("Observation", status="final", code={"text": "Code status"}), True),
        (drug("ServiceRequest", status="active", code={"text": "DNR order"}), True),
    ],
)  # fmt: skip
def test_what_a_team_must_not_miss_holds_when_it_is_withheld(
    case: CaseFile, record: dict[str, Any], *, holds: bool
) -> None:
    put(case, record)
    if not holds:
        assert run(case, WHOLE).counts["withheld"] == 1
        return
    with pytest.raises(Held) as caught:
        run(case, WHOLE)
    assert caught.value.code == "withheld-safety"
