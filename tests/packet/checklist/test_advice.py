from pathlib import Path
from typing import Any

import pytest

from connector.store.case.casefile import CaseFile
from tests.packet.charts import PATIENT, put, request, run
from tests.packet.missing import chart

HINGE = "DiagnosticReport/r"
REPORT = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "conclusion": "x"}
OPERATION = {
    "resourceType": "ServiceRequest",
    "id": "operation",
    "status": "active",
    "intent": "order",
    "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "387713003"}]}],
    "code": {"text": "an operation"},
}


@pytest.fixture
def case(tmp_path: Path) -> CaseFile:
    case = CaseFile.open(tmp_path)
    put(case, PATIENT, REPORT, REPORT | {"id": "early", "status": "preliminary"})
    put(case, REPORT | {"id": "other"})
    return case


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({}, "In person: the request names no record"),
        ({"hinge": [HINGE, "DiagnosticReport/early"]}, "In person: 1 of 2 records"),
        ({"hinge": [HINGE], "surgery": True}, "In person: surgery is planned"),
        ({"hinge": [HINGE, "DiagnosticReport/other"]}, "In person is preferred: the opinion hin"),
        ({"hinge": [HINGE]}, "In person, or online once the rest is there: 8 required items"),
    ],
)
def test_in_person_is_preferred(case: CaseFile, fields: dict[str, Any], advice: str) -> None:
    assert run(case, request(**fields)).advice.startswith(advice)


@pytest.mark.parametrize(
    ("said", "status", "surgery"),
    [
        (None, "active", True),
        (None, "draft", True),
        (None, "completed", False),
        (None, "revoked", False),
        (False, "active", False),  # the request knows better
        (True, "completed", True),
    ],
)
def test_surgery_is_seen_in_the_chart_unless_the_request_says(
    case: CaseFile, said: bool | None, status: str, surgery: bool
) -> None:
    put(case, OPERATION | {"status": status})
    advice = run(case, request(hinge=[HINGE], surgery=said)).advice
    assert advice.startswith("In person: surgery is planned") == surgery


def whole(case: CaseFile, *more: dict[str, Any], **fields: Any) -> str:
    patient = next(r["id"] for r in chart() if r["resourceType"] == "Patient")
    put(case, *chart(), *more)
    case.state.source_patient = patient
    plan = ["CarePlan/demo-first-opinion-plan"]
    named = {"hinge": ["DiagnosticReport/demo-knee-xray-report"], "first_opinion": plan}
    return run(case, request(**named, **fields)).advice


def test_online_fits_a_case_that_hinges_on_one_finished_test(tmp_path: Path) -> None:
    advice = whole(CaseFile.open(tmp_path))
    assert advice.startswith("Online or in writing is possible")
    assert advice.endswith("The packet holds 82 records of 14 years.")


def test_much_is_talked_about_rather_than_written(tmp_path: Path) -> None:
    old = {"resourceType": "Procedure", "id": "old", "status": "completed", "code": {"text": "x"}}
    advice = whole(CaseFile.open(tmp_path), old | {"performedDateTime": "1990-05-01"})
    assert advice.startswith("Online rather than in writing")
    assert "1990" not in advice  # a year may be that of birth
