from typing import Any

import pytest

from connector.gap import Gap, GapKind, read
from connector.packet import Line, Outline
from connector.store.case import gaps
from connector.store.case.casefile import CaseFile
from tests.packet.charts import MAPPINGS, put, put_attachment, request, run

SUBJECT = {"reference": "Patient/p"}
LAB = [{"coding": [{"code": "laboratory"}]}]


def line(outline: Outline, item: str) -> Line:
    return next(line for line in outline.items if line.item == item)


def observation(id: str, when: str | None, code: str = "2160-0", **more: Any) -> dict[str, Any]:
    made = {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "category": LAB,
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": SUBJECT,
        "valueString": "x",
    }
    return made | ({"effectiveDateTime": when} if when else {}) | more


def note(id: str, attachment: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": id,
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "subject": SUBJECT,
        "date": "2026-10-01T10:00:00Z",
        "content": [{"attachment": attachment}],
    } | more


@pytest.mark.parametrize(
    ("when", "kind"),
    [
        ("2026-11-01", "present"),
        ("2025-11-22T14:00:00Z", "present"),  # twelve months to the second
        ("2025-11-22T13:59:59Z", "searched-none"),
        ("2025", "present"),  # may have been in December
        ("2025-10", "searched-none"),
        (None, "present"),  # undated is not hidden
    ],
)
def test_a_window_counts_back_from_as_of(case: CaseFile, when: str | None, kind: str) -> None:
    put(case, observation("o", when))
    found = line(run(case), "labs")
    assert found.kind == kind
    assert found.missing == (kind != "present")


@pytest.mark.parametrize(
    ("period", "kind"),
    [
        ({"start": "2010"}, "present"),  # goes on
        ({"start": "2010", "end": "2026-10"}, "present"),
        ({"start": "2010", "end": "2011"}, "searched-none"),
        ({"end": "2011"}, "searched-none"),
    ],
)
def test_a_period_counts_until_its_end(case: CaseFile, period: dict[str, str], kind: str) -> None:
    put(case, observation("o", None, effectivePeriod=period))
    assert line(run(case), "labs").kind == kind


def test_the_latest_of_each_laboratory_code_travels_however_old(case: CaseFile) -> None:
    put(
        case,
        observation("old", "2001-01-01", "718-7"),
        observation("older", "1999-01-01", "718-7"),
        observation("new", "2026-11-01"),
    )
    run(case)
    sent = {row[0] for row in case.rows("SELECT source FROM entry WHERE type = 'Observation'")}
    assert sent == {"Observation/old", "Observation/new"}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, "present"),
        ({"status": "preliminary"}, "preliminary"),
        ({"status": "amended"}, "present"),
        ({"valueString": None, "dataAbsentReason": {"text": "lost"}}, "empty"),
    ],
)
def test_present_means_a_status_that_stands_and_content(
    case: CaseFile, change: dict[str, Any], kind: str
) -> None:
    resource = observation("o", "2026-11-01") | change
    put(case, {name: value for name, value in resource.items() if value is not None})
    assert line(run(case), "labs").kind == kind


def test_a_note_is_readable_only_when_its_bytes_are_there(case: CaseFile) -> None:
    put(case, note("n", {"contentType": "application/pdf", "url": "Binary/1"}))
    put_attachment(case, "Binary/1", None)
    assert line(run(case), "notes").kind == "empty"
    put_attachment(case, "Binary/1", b"%PDF")
    assert line(run(case), "notes").kind == "present"


def test_a_draft_document_is_preliminary(case: CaseFile) -> None:
    put(case, note("n", {"contentType": "text/plain", "data": "eA=="}, docStatus="preliminary"))
    assert line(run(case), "notes").kind == "preliminary"


@pytest.mark.parametrize(
    ("what", "gap", "kind"),
    [
        ("Observation", "refused", "refused"),
        ("Observation?category=laboratory", "failed", "failed"),
        ("Observation?category=vital-signs", "failed", "searched-none"),
        ("DiagnosticReport", "failed", "failed"),
        ("Observation", "unsupported", "searched-none"),  # DiagnosticReport was searched
        ("ObservationDefinition", "refused", "searched-none"),
        ("Observation/17", "refused", "searched-none"),  # one record, not the search
    ],
)
def test_a_gap_says_why_nothing_was_found(case: CaseFile, what: str, gap: str, kind: str) -> None:
    gaps.add(case, Gap(read(what), GapKind(gap), ("status 403",)))
    assert line(run(case), "labs").kind == kind


def test_unsupported_only_when_no_type_of_the_item_is_offered(case: CaseFile) -> None:
    asked = next(i.match for i in MAPPINGS.checklist("general").items if i.id == "goals")
    for name in {match.type for match in asked}:
        gaps.add(case, Gap(read(name), GapKind("unsupported"), ("not offered",)))
    assert line(run(case), "goals").kind == "unsupported"


def test_an_old_record_is_told_apart_from_none(case: CaseFile) -> None:
    assert line(run(case), "labs").why == "searched, none found"
    put(case, observation("o", "2010-01-01"))
    assert line(run(case), "labs").why == "searched, none found; 1 older"


def test_what_answers_another_item_is_not_said_to_be_older(case: CaseFile) -> None:
    plan = {
        "resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan",
        "subject": {"reference": "Patient/p"}, "title": "Physiotherapy", "created": "2026-11-01",
        "description": "Six weeks",
    }  # fmt: skip
    put(case, plan)
    assert line(run(case), "treatment-history").kind == "present"
    named = run(case, request(first_opinion=["CarePlan/plan"]))
    assert line(named, "first-opinion-plan").kind == "present"
    assert line(named, "treatment-history").why == "searched, none found"


def test_a_record_that_may_not_leave_does_not_make_an_item_present(case: CaseFile) -> None:
    put(case, observation("o", "2026-11-01"))
    found = line(run(case, request(exclude=["Observation/o"])), "labs")
    assert (found.kind, found.missing) == ("searched-none", True)
    assert found.why.endswith("1 may not leave")


def test_no_known_allergy_is_an_answer(case: CaseFile) -> None:
    known = {"system": "http://snomed.info/sct", "code": "716186003", "display": "No known allergy"}
    put(
        case,
        {
            "resourceType": "AllergyIntolerance",
            "id": "a",
            "code": {"coding": [known]},
            "patient": SUBJECT,
        },
    )
    assert line(run(case), "allergies").kind == "present"


def test_the_plan_the_request_names_is_the_first_opinion(case: CaseFile) -> None:
    assert line(run(case), "first-opinion-plan").missing
    put(case, note("plan", {"contentType": "text/plain", "data": "eA=="}))
    found = line(run(case, request(first_opinion=["DocumentReference/plan"])), "first-opinion-plan")
    assert found.kind == "present"


def test_every_missing_item_says_what_to_obtain_and_the_case_file_keeps_it(case: CaseFile) -> None:
    outline = run(case)
    assert [line.item for line in outline.items if line.missing] == [
        "coverage", "problems", "allergies", "medications", "notes", "labs",
        "first-opinion-plan", "goals",
    ]  # fmt: skip
    kept = case.rows("SELECT item, kind, ask FROM item WHERE need = 'required' ORDER BY seq")
    assert all(ask for _, kind, ask in kept if kind != "present")


def test_a_record_told_in_another_is_none_that_may_not_leave(case: CaseFile) -> None:
    twins = [observation(id, "2026-11-01") for id in ("one", "two")]
    for twin in twins:
        twin["identifier"] = [{"system": "urn:x", "value": "7"}]
    put(case, *twins)
    outline = run(case)
    assert outline.counts["merged"] == 1
    assert line(outline, "labs").why == "1 there"
