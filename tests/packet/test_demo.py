from pathlib import Path
from typing import Any

import pytest

from connector import yamlfile
from connector.fhir.gate import check
from connector.fhir.lossless import decode
from connector.packet import Outline
from connector.request import Request
from connector.store.case.casefile import CaseFile

from .charts import FIXTURES, put, run

DEMO = FIXTURES / "demo"


def chart() -> list[Any]:
    bundle = decode((DEMO / "chart.json").read_bytes())
    return [entry["resource"] for entry in bundle["entry"]]


def demo(case: CaseFile, leave_out: list[str]) -> Outline:
    put(case, *(r for r in chart() if f"{r['resourceType']}/{r['id']}" not in leave_out))
    value, lines = yamlfile.read(DEMO / "request.yaml")
    wanted = yamlfile.load(Request, value, lines, "request.yaml")
    case.state.source_patient = wanted.patient.id
    return run(case, wanted)


@pytest.fixture
def case(tmp_path: Path) -> CaseFile:
    return CaseFile.open(tmp_path)


def test_the_demo_chart_meets_the_general_checklist(case: CaseFile) -> None:
    outline = demo(case, [])
    assert not [line.item for line in outline.items if line.missing]
    assert outline.advice.startswith("Online or in writing is possible")
    assert any(tally.rule == "never-financial" for tally in outline.staying)


def test_the_incomplete_demo_lacks_the_first_opinion(case: CaseFile) -> None:
    value, _ = yamlfile.read(DEMO / "incomplete.yaml")
    outline = demo(case, value["leave_out"])
    (missing,) = [line for line in outline.items if line.missing]
    assert (missing.item, missing.kind) == ("first-opinion-plan", "searched-none")
    assert missing.ask


def test_the_demo_is_marked_as_test_data_and_what_was_added_is_valid() -> None:
    for resource in chart():
        assert "HTEST" in [label["code"] for label in resource["meta"]["security"]]
        if resource["id"].startswith("demo-"):
            assert check(resource) == [], resource["id"]
