"""What a physician reads of a record, for each way R4 has to say it."""

from typing import Any

import pytest

from connector.fhir.lossless import decode
from connector.packet.record.findings import LONGEST, finding
from connector.packet.record.words import title


def observation(more: str) -> Any:
    return decode(f'{{"resourceType":"Observation",{more}}}'.encode())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('"valueQuantity":{"value":1.50,"unit":"mg/L"}', "1.50 mg/L"),
        ('"valueQuantity":{"comparator":">","value":7,"code":"mm"}', "> 7 mm"),
        ('"valueString":"clear"', "clear"),
        ('"valueBoolean":false', "no"),
        ('"valueInteger":3', "3"),
        ('"valueDateTime":"2019-05"', "2019-05"),
        ('"valueCodeableConcept":{"coding":[{"display":"Positive"}]}', "Positive"),
        ('"valueRange":{"low":{"value":1},"high":{"value":2,"unit":"d"}}', "1 to 2 d"),
        ('"valueRatio":{"numerator":{"value":1},"denominator":{"value":8}}', "1 : 8"),
        ('"valuePeriod":{"start":"2020","end":"2021"}', "2020 to 2021"),
        ('"valueSampledData":{"data":"1 2"}', "a recorded curve"),
        ('"dataAbsentReason":{"text":"not done"}', "no value (not done)"),
        (
            '"component":[{"code":{"text":"Systolic"},"valueQuantity":{"value":120}},'
            '{"code":{"text":"Diastolic"},"valueQuantity":{"value":80}}]',
            "Systolic 120; Diastolic 80",
        ),
        ('"valueInteger":9,"interpretation":[{"text":"High"}]', "9; High"),
        ('"status":"final"', ""),
        ('"valueQuantity":[],"component":{},"interpretation":7', ""),
    ],
)
def test_a_result_is_told_with_its_digits(value: str, words: str) -> None:
    assert finding(observation(value)) == words


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"resourceType": "AllergyIntolerance", "criticality": "high",
          "reaction": [{"manifestation": [{"text": "Hives"}]}]}, "Hives; criticality high"),
        ({"resourceType": "Condition", "stage": [{"summary": {"text": "IIIA"}}],
          "onsetDateTime": "2020-01-02T00:00:00Z"}, "IIIA; since 2020-01-02"),
        ({"resourceType": "MedicationRequest", "dosageInstruction": [{"text": "1-0-1"}]}, "1-0-1"),
        ({"resourceType": "FamilyMemberHistory", "condition": [{"code": {"text": "Stroke"}}]},
         "Stroke"),
        ({"resourceType": "ImagingStudy", "series": [
            {"modality": {"display": "CT"}, "bodySite": {"display": "Chest"}}] * 2}, "CT Chest"),
        ({"resourceType": "Basic"}, ""),
    ],
)  # fmt: skip
def test_other_records_say_what_a_reader_looks_for(record: dict[str, Any], words: str) -> None:
    assert finding(record) == words


def test_a_long_finding_is_cut_and_shows_it() -> None:
    told = finding({"resourceType": "DiagnosticReport", "conclusion": "x" * 30_000})
    assert len(told) == LONGEST
    assert told.endswith("…")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"code": {"text": "A", "coding": [{"display": "B"}]}}, "A"),
        ({"type": [{"coding": [{"display": "B"}]}]}, "B"),
        ({"medicationReference": {"display": "Drug"}, "category": [{"text": "Inpatient"}]}, "Drug"),
        ({"medicationReference": {"reference": "x"}, "category": [{"text": "Inpatient"}]}, "Basic"),
        ({"title": "T", "code": {"text": "A"}}, "T"),
        ({}, "Basic"),
    ],
)
def test_a_record_is_called_by_what_it_is_about(record: dict[str, Any], words: str) -> None:
    assert title({"resourceType": "Basic", **record}) == words
