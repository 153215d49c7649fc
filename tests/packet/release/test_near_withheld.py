"""What leaves and may tell of what is withheld is told to the person who decides."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Held, UsageError
from connector.packet import load
from connector.store.case.casefile import CaseFile
from tests.packet.charts import MAPPINGS, put, request, run

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SUBJECT = {"reference": "Patient/p"}
LABEL: dict[str, Any] = {"meta": {"security": [{"system": ACT, "code": "SUD"}]}}
WHOLE = request(scope="whole-chart")
NEAR = "near what is withheld"


def record(name: str, id_: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": name, "id": id_, "subject": SUBJECT} | more


def coded(name: str, id_: str, code: str = "9", **more: Any) -> dict[str, Any]:
    return record(name, id_, code={"coding": [{"system": "urn:x", "code": code}]}, **more)


def named(case: CaseFile, *records: dict[str, Any]) -> list[str]:
    put(case, *records)
    kinds = run(case, WHOLE).sensitive["kinds"]
    return [key for each in kinds if each["kind"] == NEAR for key in each["records"]]


TO = {"reference": "Condition/c"}


@pytest.mark.parametrize(
    "withheld",
    [
        record("List", "l", entry=[{"item": TO}]),
        record("CarePlan", "l", addresses=[TO]),
        {"resourceType": "Provenance", "id": "l", "target": [TO, SUBJECT], "agent": []},
        coded("Condition", "l", recordedDate="2020"),  # the same problem, once without a label
        coded("Procedure", "l"),
    ],
)
def test_what_has_the_code_of_a_withheld_record_or_is_named_by_one(
    case: CaseFile, withheld: dict[str, Any]
) -> None:
    assert named(case, withheld | LABEL, coded("Condition", "c"), coded("Condition", "d", "8")) == [
        "Condition/c"
    ]


def test_a_value_of_the_same_kind_is_not_near(case: CaseFile) -> None:
    """Whoever's blood pressure is withheld once has others; an encounter is what all belong to."""
    stay = record("Encounter", "e", **LABEL)
    inside = coded("Observation", "in", encounter={"reference": "Encounter/e"})
    problem = coded("Condition", "in", encounter={"reference": "Encounter/e"})
    assert named(case, stay, inside, problem, coded("Observation", "out")) == []


def test_it_can_hold_and_not_withhold(case: CaseFile, tmp_path: Path) -> None:
    holding = MAPPINGS.heuristic.model_copy(update={"modes": {NEAR: "hold"}})
    put(case, coded("Condition", "l", **LABEL), coded("Condition", "c", note=[{"text": "x"}]))
    with pytest.raises(Held) as held:
        run(case, WHOLE, mappings=replace(MAPPINGS, heuristic=holding))
    assert [(each.code, each.record) for each in held.value.held_by] == [
        ("sensitive", "Condition/c")
    ]
    own = tmp_path / "release"
    own.mkdir()
    text = (Path(__file__).parents[3] / "mappings/release/heuristic.yaml").read_text()
    (own / "heuristic.yaml").write_text(text.replace("modes: {}", f"modes: {{{NEAR}: withhold}}"))
    with pytest.raises(UsageError, match="`tell` or `hold`"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"See <https://img.example.org/v?sig=Zm9vYmFyYmF6>", True),
        (b"<a href='https://img.example.org/c/q7Zr2Kd90XbLw4Tn/studies'>images</a>", True),
        (b"Seen again at the portal. Password: Knee2024x", True),
        (b"the door q7Zr2K of the viewer", True),  # a key of an Endpoint of the chart
        (b"See https://www.example.org/guideline?year=2024", False),
        (b"\0\xff sig=Zm9vYmFyYmF6", False),
    ],
)
def test_a_key_in_the_text_of_a_document_is_told(case: CaseFile, text: bytes, told: bool) -> None:
    door = {
        "resourceType": "Endpoint", "id": "e", "status": "active", "address": "https://x.example/e",
        "header": ["X-Door: q7Zr2K"],
    }  # fmt: skip
    attachment = {"contentType": "text/plain", "data": base64.b64encode(text).decode()}
    note = record("DocumentReference", "n", content=[{"attachment": attachment}])
    put(case, note, door, record("ImagingStudy", "i", endpoint=[{"reference": "Endpoint/e"}]))
    kinds = run(case, WHOLE).sensitive["kinds"]
    assert [each["records"] for each in kinds if each["by"] == "text"] == (
        [["DocumentReference/n"]] if told else []
    )
