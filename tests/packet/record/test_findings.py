"""What stands at a row beside its name: doses, reasons, sides, ranges, flags, notes."""

from typing import Any

import pytest

from connector.packet.record.findings import finding
from connector.packet.record.words import title

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"resourceType": "Observation", "valueQuantity": {"value": 98, "unit": "U/mL"},
          "referenceRange": [{"high": {"value": 30, "unit": "U/mL"}}],
          "interpretation": [{"coding": [{"code": "H"}]}]},
         "98 U/mL (reference 30 U/mL or less); high"),
        ({"resourceType": "MedicationRequest", "status": "stopped",
          "statusReason": {"text": "Bleeding"},
          "dispenseRequest": {"validityPeriod": {"end": "2026-11-20"}},
          "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}],
                                 "timing": {"repeat": {"frequency": 2, "period": 1,
                                                       "periodUnit": "d"}}}]},
         "5 mg twice every day; until 2026-11-20; stopped because of: Bleeding"),
        ({"resourceType": "Procedure", "complication": [{"text": "Thrombosis"}],
          "note": [{"text": "left early"}]}, "complication: Thrombosis; note: left early"),
        ({"resourceType": "Device", "manufacturer": "Acme", "modelNumber": "K-9",
          "lotNumber": "L1", "safety": [{"text": "MR unsafe"}]},
         "Acme, K-9; lot L1; MR unsafe"),
        ({"resourceType": "DiagnosticReport", "conclusion": "c", "issued": "2026-11-20T10:00:00Z",
          "effectiveDateTime": "2022-07-16"}, "c; issued 2026-11-20"),
        ({"resourceType": "QuestionnaireResponse", "item": [
            {"text": "Sleep", "answer": [{"valueString": "bad"}]}]}, "Sleep: bad"),
    ],
)  # fmt: skip
def test_what_a_row_says(record: dict[str, Any], words: str) -> None:
    assert finding(record) == words


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"resourceType": "AllergyIntolerance", "type": "allergy",
          "code": {"coding": [{"system": RXNORM, "code": "7980"}]}}, "RxNorm 7980"),
        ({"resourceType": "MedicationRequest", "medicationReference": {"reference": "#m"},
          "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "Apixaban"}}]},
         "Apixaban"),
        ({"resourceType": "Condition", "code": {"text": "Arthrosis"},
          "bodySite": [{"text": "LEFT knee"}]}, "Arthrosis (LEFT knee)"),
    ],
)  # fmt: skip
def test_a_name_for_what_has_only_a_code_a_side_or_an_inner_record(
    record: dict[str, Any], words: str
) -> None:
    assert title(record) == words
