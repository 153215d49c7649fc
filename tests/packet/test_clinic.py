"""The clinical cases are well-formed, and the evaluation sees each thing that can be wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.clinic import charts, complete, look, planted
from benchmarks.clinic.program import Section, Seen, case_types, in_packet
from tests.real.charts import FIXTURES

CASES = charts.cases(charts.CLINIC)
COMPLETE = list(charts.complete(charts.CLINIC))
RECORD = "DiagnosticReport/a"
CASE = charts.Case(
    name="one",
    records=({"resourceType": "DiagnosticReport", "id": "a", "code": {"text": "Biopsy"}},),
    request={"case_type": "oncology"},
    expect=(
        {
            "record": RECORD,
            "section": "pathology",
            "status": ["amended"],
            "known": {"pathology": "words"},
            "answers": ["pathology"],
        },
    ),
    missing=("stage",),
    unknown=("DiagnosticReport/b",),
    people=("died",),
    not_answers=(("goals", RECORD),),
)


def seen(
    *,
    outcome: str = "selected",
    items: Sequence[str] = ("pathology",),
    how: str = "words",
    section: str = "pathology",
    row: str = "2026-01-01 biopsy amended",
    stage: str = "searched-none",
    goals: str = "searched-none",
    unknown: str = "DiagnosticReport/b",
    people: str = "The patient has died.",
) -> Seen:
    """What the program would say if all that `CASE` expects held."""
    found = [
        {"item": "pathology", "kind": "present", "ask": ""},
        {"item": "stage", "kind": stage, "ask": "" if stage == "present" else "Ask them."},
        {"item": "goals", "kind": goals, "ask": "Ask the patient."},
    ]
    record = {
        "outcome": outcome, "rule": "", "reason": "", "items": items, "kinds": {"pathology": how},
    }  # fmt: skip
    told = {"outline": {"items": found, "unknown": [{"records": [unknown]}], "people": [people]}}
    shelf = Section(section, frozenset([in_packet(RECORD)]), (row,))
    return Seen("", told, (shelf,), {RECORD: record})


def test_nothing_is_wrong_when_all_holds() -> None:
    found = planted.judged(CASE, seen())
    assert found.wrong == []
    assert [str(tally) for tally in found.tallies] == [
        "1 of 1",
        "1 of 1",
        "2 of 2",
        "2 of 2",
        *["1 of 1"] * 3,
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"outcome": "not-selected"}, "not-selected"),
        ({"items": ()}, "answers [], not pathology"),
        ({"how": "code"}, "pathology by code, not by words"),
        ({"section": "results"}, "not in pathology"),
        ({"row": "2026-01-01 biopsy final"}, "no row of it says amended"),
        ({"row": "2026-01-01 echo amended"}, "no row of it says amended"),
        ({"stage": "present"}, "stage: not told as missing"),
        ({"goals": "present"}, "goals: told as present"),
        (
            {"goals": "not-asked", "items": ("pathology", "goals")},
            "DiagnosticReport/a is no answer",
        ),
        ({"people": ""}, "not told before approval: died"),
        ({"unknown": "DiagnosticReport/c"}, "DiagnosticReport/b: not among"),
    ],
)
def test_each_thing_that_is_wrong_is_seen(change: dict[str, Any], says: str) -> None:
    (wrong,) = planted.judged(CASE, seen(**change)).wrong
    assert says in wrong


def test_a_case_without_a_packet_is_wrong() -> None:
    (wrong,) = planted.judged(CASE, Seen("exit 5: held", {}, (), {})).wrong
    assert "held" in wrong


def test_there_are_enough_cases_and_each_expects_something() -> None:
    assert len(CASES) >= 60
    for case in CASES:
        there = {charts.key(record) for record in case.records}
        named = {expected["record"] for expected in case.expect} | {*case.unknown}
        named |= {record for _, record in case.not_answers}
        assert named or case.people, case.name
        assert named <= there, case.name
        assert case.request["case_type"] in case_types()


def test_dates_move_with_the_day() -> None:
    (moved,) = charts.moved([{"a": "2000-01-31T10:00:00Z", "b": ["2000-01"], "c": "x 2000-01-31"}],
                            "2000-01-31")  # fmt: skip
    assert moved["a"][10:] == "T10:00:00Z"
    assert moved["a"][:4] > "2020"
    assert len(moved["b"][0]) == 7
    assert moved["c"] == "x 2000-01-31"


def test_the_own_search_finds_what_was_told_as_absent() -> None:
    report = {
        "resourceType": "DiagnosticReport", "id": "a", "status": "final",
        "code": {"text": "EKG 12 lead"}, "effectiveDateTime": "2011-01-01",
    }  # fmt: skip
    found = look.Looked("chart", "cardiology", "checklist")
    look.told_absent(found, {"item": "ecg", "why": "searched, none found"}, [report])
    look.told_absent(found, {"item": "slides", "why": "searched, none found"}, [report])
    assert (found.absent, found.looked, found.not_looked) == (2, 1, ["slides"])
    assert "ecg is told as absent" in found.wrong[0]


def test_a_removed_item_that_is_told_is_counted() -> None:
    """A chart of one record, through the command line."""
    chart = charts.Complete(
        "small",
        "general",
        (
            {"resourceType": "Patient", "id": "p", "name": [{"family": "T"}], "gender": "female",
             "birthDate": "1961-02-03", "telecom": [{"system": "phone", "value": "+1 555 0100"}],
             "identifier": [{"system": "urn:oid:2.999.1", "value": "1"}]},
            {"resourceType": "AllergyIntolerance", "id": "allergies", "code": {"text": "Latex"},
             "patient": {"reference": "Patient/p"}},
        ),
        {"case_type": "general", "patient": {"id": "p"}},
        {},
    )  # fmt: skip
    found = complete.remove_each(chart, only=frozenset(["allergies"]))
    assert (found.items, found.told, found.wrong) == (1, 1, [])


NOT_YET = frozenset(line for line in (charts.CLINIC / "not-yet.txt").read_text().split())
"""What does not hold yet, or was not tried yet: a case, `complete/` a kind of case."""


def awaited(name: str, folder: str = "") -> Any:
    marks = [pytest.mark.deep]
    if folder + name in NOT_YET:
        marks.append(pytest.mark.xfail(strict=False, reason="its rules are still to be mended"))
    return pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", [awaited(case.name) for case in CASES])
def test_a_case_holds(name: str) -> None:
    """Through the command line: every planted record, all that is told."""
    (case,) = (case for case in CASES if case.name == name)
    assert planted.judge([case])[0].wrong == []


@pytest.mark.parametrize("name", [awaited(c.case_type, "complete/") for c in COMPLETE])
def test_each_item_that_is_taken_away_is_reported(name: str) -> None:
    (chart,) = (chart for chart in COMPLETE if chart.case_type == name)
    found = complete.remove_each(chart)
    assert found.wrong == []
    assert found.told == found.items > 0


@pytest.mark.deep
@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*/*_*.json.gz")), ids=lambda p: p.name)
def test_nothing_that_is_told_as_absent_is_there(path: Path) -> None:
    found = list(look.look([charts.whole(path)]))
    assert sum(each.looked for each in found) > 0
    assert [line for each in found for line in each.wrong] == []
