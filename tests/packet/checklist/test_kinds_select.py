"""What leaves by its kind, and with it: the latest of each, the whole series, what holds it."""

from pathlib import Path
from typing import Any

import pytest

from connector.packet import Mappings, load
from connector.store.case.casefile import CaseFile
from connector.store.mapped import packet
from tests.packet.charts import put, request, run

SUBJECT = {"reference": "Patient/p"}
MADE_UP = "urn:oid:1.2.3.4"
KINDS = """version: "1"
about: a test
kinds:
  - id: made-up-marker
    title: Marker
    types: [Observation]
    code: ["urn:oid:1.2.3.4|MARK*"]
    trend: true
  - id: made-up-report
    title: Report
    types: [DiagnosticReport, DocumentReference]
    code: ["urn:oid:1.2.3.4|REP"]
    category: ["urn:oid:1.2.3.4|CAT"]
    words: {en: [zork report], de: [zorkbericht]}
  - id: made-up-habit
    title: Habit
    types: [Observation]
    code: ["urn:oid:1.2.3.4|HABIT*"]
  - {id: made-up-other, title: Other habit, types: [Observation], code: ["urn:oid:1.2.3.4|OTHER"]}
"""
CHECKLIST = """version: "1"
about: a test
items:
  - {id: marker, title: Marker, need: required, window: 6 months, section: results, origin: x,
     ask: x, match: [{kind: [made-up-marker]}]}
  - {id: report, title: Report, need: required, window: all, section: results, origin: x,
     ask: x, match: [{kind: [made-up-report]}]}
  - {id: habits, title: Habits, need: required, window: latest, section: results, origin: x,
     ask: x, match: [{kind: [made-up-habit, made-up-other]}]}
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Mappings:
    folder: Path = tmp_path_factory.mktemp("mine")
    for name, text in (("kinds/made-up.yaml", KINDS), ("checklists/made-up.yaml", CHECKLIST)):
        (folder / name).parent.mkdir()
        (folder / name).write_text(text)
    return load(folder)


def coded(code: str, text: str = "") -> dict[str, Any]:
    return {"coding": [{"system": MADE_UP, "code": code}], **({"text": text} if text else {})}


def observation(id: str, when: str, code: str, text: str = "", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": id, "status": "final", "subject": SUBJECT,
        "effectiveDateTime": when, "code": coded(code, text), "valueString": id, **more,
    }  # fmt: skip


def report(id: str, code: dict[str, Any], *results: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport", "id": id, "status": "final", "subject": SUBJECT,
        "effectiveDateTime": "2026-10-01", "code": code, "conclusion": f"See {id}.",
        "result": [{"reference": f"Observation/{each}"} for each in results], **more,
    }  # fmt: skip


def chosen(case: CaseFile, mine: Mappings, **fields: Any) -> dict[str, str]:
    """Which records leave, and under which rule."""
    run(case, request(case_type="made-up", **fields), mappings=mine)
    return {f"{d.type}/{d.id}": d.rule for d in packet.decisions(case) if d.outcome == "selected"}


@pytest.mark.parametrize(
    ("made", "by"),
    [
        ({"code": coded("REP")}, ""),
        ({"code": coded("X"), "category": [coded("CAT")]}, " (known by its category)"),
        ({"code": coded("X", "Zork report")}, " (known by its words)"),
        ({"code": coded("X", "ZORKBERICHT")}, " (known by its words)"),
    ],
)
def test_the_decision_says_how_a_record_is_known_where_it_is_not_by_a_code(
    case: CaseFile, mine: Mappings, made: dict[str, Any], by: str
) -> None:
    put(case, report("r", coded("X")) | made)
    assert chosen(case, mine)["DiagnosticReport/r"] == "checklist-report"
    (why,) = (d.reason for d in packet.decisions(case) if d.type == "DiagnosticReport")
    assert why == f"Report{by}"


def test_the_whole_series_leaves_with_one_of_it(case: CaseFile, mine: Mappings) -> None:
    put(
        case,
        observation("now", "2026-10-01", "MARK-A", "CEA"),
        observation("before", "2019-10-01", "MARK-A", "CEA"),
        observation("first", "2011-10-01", "MARK-A", "CEA"),
        observation("another", "2012-10-01", "MARK-B", "CA 19-9"),  # a series of its own
        observation("habit", "2026-10-01", "HABIT", "Smokes"),
        observation("habit-before", "2016-10-01", "HABIT", "Smokes"),  # no trend
    )
    found = chosen(case, mine)
    assert found.pop("Patient/p") == "patient"
    assert found == {
        "Observation/now": "checklist-marker",
        "Observation/before": "series",
        "Observation/first": "series",
        "Observation/habit": "checklist-habits",
    }


def test_a_series_is_known_by_its_code_though_it_is_called_otherwise(
    case: CaseFile, mine: Mappings
) -> None:
    put(
        case,
        observation("now", "2026-10-01", "MARK-A", "CEA"),
        observation("before", "2009-10-01", "MARK-A", "Carcinoembryonic antigen [Mass/volume]"),
    )
    assert chosen(case, mine)["Observation/before"] == "series"


def test_an_old_series_of_which_nothing_is_asked_for_stays(case: CaseFile, mine: Mappings) -> None:
    put(case, *(observation(f"o{year}", f"{year}-01-01", "MARK-A", "CEA") for year in (2011, 2019)))
    assert chosen(case, mine).keys() == {"Patient/p"}
    # One that the request names brings the others.
    assert chosen(case, mine, include=["Observation/o2011"])["Observation/o2019"] == "series"


def test_the_latest_is_of_each_kind(case: CaseFile, mine: Mappings) -> None:
    put(
        case,
        observation("smokes", "2015-01-01", "HABIT-1"),
        observation("smoked", "2014-01-01", "HABIT-2"),  # another code, the same kind
        observation("drinks", "2009-01-01", "OTHER"),
        observation("drank", "2008-01-01", "OTHER"),
    )
    assert chosen(case, mine).keys() == {"Patient/p", "Observation/smokes", "Observation/drinks"}


def test_what_holds_a_record_that_leaves_comes_with_it(case: CaseFile, mine: Mappings) -> None:
    put(
        case,
        observation("value", "2026-10-01", "MARK-A"),
        observation("panel", "2026-10-01", "X", hasMember=[{"reference": "Observation/value"}]),
        observation("sibling", "2026-10-01", "Y"),
        report("of-it", coded("X"), "value", "sibling"),
        report("of-another", coded("X"), "alone"),
        observation("alone", "2026-10-01", "Z"),
        {
            "resourceType": "DocumentReference", "id": "first", "status": "superseded",
            "subject": SUBJECT, "type": coded("REP"), "content": [{"attachment": {"data": "eA=="}}],
        },
        {
            "resourceType": "DocumentReference", "id": "amended", "status": "current",
            "subject": SUBJECT, "type": coded("X"), "content": [{"attachment": {"data": "eQ=="}}],
            "relatesTo": [
                {"code": "replaces", "target": {"reference": "DocumentReference/first"}}
            ],
        },
    )  # fmt: skip
    found = chosen(case, mine)
    assert found.pop("Patient/p") == "patient"
    assert found == {
        "Observation/value": "checklist-marker",
        "Observation/panel": "holds",
        "DiagnosticReport/of-it": "holds",
        "Observation/sibling": "referenced",  # a report is no report without its results
        "DocumentReference/first": "checklist-report",
        "DocumentReference/amended": "holds",
    }


def test_what_is_about_the_condition_leaves_whatever_its_kind(
    case: CaseFile, mine: Mappings
) -> None:
    here: dict[str, Any] = {"encounter": {"reference": "Encounter/e"}}
    put(
        case,
        {"resourceType": "Encounter", "id": "e", "status": "finished"},
        {
            "resourceType": "Condition", "id": "c", "subject": SUBJECT, "code": {"text": "Zork"},
            "clinicalStatus": {"coding": [{"code": "resolved"}]}, **here,
        },
        observation("met-there", "2001-01-01", "X", **here),
        observation("elsewhere", "2001-01-01", "X"),
        {
            "resourceType": "CarePlan", "id": "plan", "status": "completed", "intent": "plan",
            "subject": SUBJECT, "addresses": [{"reference": "Condition/c"}],
        },
    )  # fmt: skip
    found = chosen(case, mine, condition="Condition/c")
    assert found["Observation/met-there"] == found["CarePlan/plan"] == "about-condition"
    assert "Observation/elsewhere" not in found
    assert "CarePlan/plan" not in chosen(case, mine)
