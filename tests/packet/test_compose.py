from pathlib import Path
from typing import Any

import pytest

from connector.store.casefile import CaseFile

from .charts import MAPPINGS, PATIENT, carried, put, request, resources, run

SUBJECT = {"reference": "Patient/p"}


@pytest.fixture
def case(tmp_path: Path) -> CaseFile:
    case = CaseFile.open(tmp_path)
    put(case, PATIENT)
    return case


def lab(id: str, when: str, code: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": code},
        "subject": SUBJECT,
        "effectiveDateTime": when,
        "valueString": "x",
    }


def sections(case: CaseFile) -> dict[str, Any]:
    (composition,) = resources(case, "Composition")
    return {section["title"]: section for section in composition["section"]}


def sources(case: CaseFile, section: Any) -> list[str]:
    back = dict(case.rows("SELECT type || '/' || id, source FROM entry"))
    return [back[entry["reference"]] for entry in section.get("entry", [])]


def test_every_section_is_always_there_and_an_empty_one_is_unavailable(case: CaseFile) -> None:
    run(case)
    found = sections(case)
    assert set(found) == {section.title for section in MAPPINGS.sections.sections}
    for section in MAPPINGS.sections.sections:
        made = found[section.title]
        if section.text or made.get("entry"):
            assert "emptyReason" not in made
        else:
            assert made["emptyReason"]["coding"][0]["code"] == "unavailable"
        assert ("coding" in made["code"]) == (section.code is not None)


def test_every_record_that_leaves_is_listed_once(case: CaseFile) -> None:
    flag = {"resourceType": "Flag", "id": "f", "status": "active", "subject": SUBJECT}
    visit = {"resourceType": "Encounter", "id": "e", "status": "finished", "subject": SUBJECT}
    put(case, flag, visit, lab("l", "2026-11-01", "718-7"))
    run(case, request(scope="whole-chart"))
    listed = [key for section in sections(case).values() for key in sources(case, section)]
    assert sorted(listed) == ["Encounter/e", "Flag/f", "Observation/l"]


def test_the_key_question_orders_and_hides_nothing(case: CaseFile) -> None:
    put(case, lab("l", "2026-11-01", "718-7"))
    orders = {}
    for question in ("diagnosis", "treatment", "prognosis"):
        run(case, request(key_question=question))
        orders[question] = list(sections(case))
        assert sources(case, sections(case)["Results"]) == ["Observation/l"]
    assert len({tuple(titles) for titles in orders.values()}) == 3
    assert len({frozenset(titles) for titles in orders.values()}) == 1
    assert orders["diagnosis"][2] == "Pathology"
    assert orders["treatment"][2] == "The first opinion's plan"
    assert orders["prognosis"][2] == "The patient's goals and story"


def test_prognosis_shows_a_trend_and_treatment_the_newest(case: CaseFile) -> None:
    put(
        case,
        lab("a1", "2026-01-01", "718-7"),
        lab("b", "2026-02-01", "2160-0"),
        lab("a2", "2026-03-01", "718-7"),
    )
    run(case, request(key_question="prognosis"))
    trend = ["Observation/b", "Observation/a1", "Observation/a2"]
    assert sources(case, sections(case)["Results"]) == trend
    run(case, request(key_question="treatment"))
    newest = ["Observation/a2", "Observation/b", "Observation/a1"]
    assert sources(case, sections(case)["Results"]) == newest


def test_what_the_opinion_hinges_on_stands_first(case: CaseFile) -> None:
    put(case, lab("old", "2026-01-01", "718-7"), lab("new", "2026-11-01", "2160-0"))
    run(case, request(hinge=["Observation/old"]))
    assert sources(case, sections(case)["Results"]) == ["Observation/old", "Observation/new"]


def test_the_first_opinion_stands_in_its_section_whatever_its_type(case: CaseFile) -> None:
    put(case, lab("l", "2026-11-01", "718-7"))
    run(case, request(first_opinion=["Observation/l"]))
    assert sources(case, sections(case)["The first opinion's plan"]) == ["Observation/l"]
    assert sources(case, sections(case)["Results"]) == []
    (order,) = resources(case, "ServiceRequest")
    reference = f"Observation/{carried(case, 'Observation/l')['id']}"
    assert {"reference": reference} in order["supportingInfo"]


def test_the_text_is_safe_and_says_what_is_partly_missing(case: CaseFile) -> None:
    put(case, lab("l", "2001-01-01", "<script>alert(1)</script>\x01"))
    run(case)
    text = sections(case)["Results"]["text"]["div"]
    assert "<script" not in text
    assert "\x01" not in text
    assert "&lt;script&gt;" in text
    assert "Laboratory results: none of the last 12 months, older ones are in this packet." in text
