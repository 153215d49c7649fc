"""What has to be known of the patient and the condition before a packet is approved."""

from typing import Any

import pytest

from connector.store.case.casefile import CaseFile
from tests.packet.charts import PATIENT, put, request, run


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        ({"deceasedBoolean": False}, []),
        ({"deceasedBoolean": True}, ["The source says that the patient has died."]),
        (
            {"deceasedDateTime": "2026-03-01T10:00:00Z"},
            ["The source says that the patient has died (2026-03-01)."],
        ),
        ({"birthDate": "2026-11-22"}, ["By the birth date the patient is not one year old."]),
        ({"birthDate": "2025-11-23"}, ["By the birth date the patient is not one year old."]),
        ({"birthDate": "2025-11-22"}, []),
        ({"birthDate": "1915-11-23"}, []),  # 110
        ({"birthDate": "1915-11-22"}, ["By the birth date the patient is 111 years old."]),
        ({"birthDate": "1900-01-01"}, ["By the birth date the patient is 126 years old."]),
        ({"birthDate": "2026-11-23"}, ["The patient's birth date lies in the future."]),
        ({"birthDate": None}, ["The source knows no birth date of the patient."]),
        ({"birthDate": "1950"}, []),
    ],
)
def test_of_the_patient(case: CaseFile, changed: dict[str, Any], said: list[str]) -> None:
    """The case's `as_of` is 2026-11-22."""
    put(case, {k: v for k, v in {**PATIENT, **changed}.items() if v is not None})
    assert list(run(case).people) == said


CLINICAL = "clinicalStatus"
VERIFICATION = "verificationStatus"


@pytest.mark.parametrize(
    ("field", "code", "said"),
    [
        (CLINICAL, "active", None),
        (CLINICAL, "recurrence", None),
        (CLINICAL, "resolved", "resolved"),
        (CLINICAL, "inactive", "inactive"),
        (CLINICAL, "remission", "in remission"),
        (VERIFICATION, "confirmed", None),
        (VERIFICATION, "refuted", "refuted"),
    ],
)
def test_of_the_condition_in_question(
    case: CaseFile, field: str, code: str, said: str | None
) -> None:
    condition = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/p"},
        "code": {"text": "Canary9Q"},
        field: {"coding": [{"code": code}]},
    }
    put(case, condition, {**condition, "id": "other", field: {"coding": [{"code": "resolved"}]}})
    told = list(run(case, request(condition="Condition/c")).people)
    assert told == ([f"The chart says that the condition in question is {said}."] if said else [])
    assert list(run(case, request()).people) == []  # none is in question
