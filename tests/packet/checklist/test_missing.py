"""Seen 3: each required item of the general checklist taken away, or spoiled, in turn."""

from pathlib import Path
from typing import Any

import pytest

from connector import yamlfile
from connector.errors import UsageError
from connector.gap import Gap, GapKind, read
from connector.packet import Outline
from connector.request import Request
from connector.store.case import gaps
from connector.store.case.casefile import CaseFile
from connector.store.mapped import packet
from tests.packet.charts import MAPPINGS, carried, put, request, run
from tests.packet.missing import ANSWERS, DEMO, Resource, chart, own_checklist, without


@pytest.fixture
def case(tmp_path: Path) -> CaseFile:
    return CaseFile.open(tmp_path)


def demo(case: CaseFile, resources: list[Resource], **changes: Any) -> Outline:
    value, lines = yamlfile.read(DEMO / "request.yaml")
    named: dict[str, Any] = {"first_opinion": [], "hinge": [], "include": []}
    if not any(r["id"] in value["condition"] for r in resources):
        named |= {"condition": None, "first_opinion": ["CarePlan/demo-first-opinion-plan"]}
    wanted = yamlfile.load(Request, {**value, **named, **changes}, lines, "request.yaml")
    put(case, *resources)
    case.state.source_patient = wanted.patient.id
    return run(case, wanted)


def missing(outline: Outline) -> dict[str, str]:
    return {line.item: line.kind for line in outline.items if line.missing}


def spoiled(item: str, change: dict[str, Any]) -> list[Resource]:
    """The chart with every record that answers the item changed so; None takes a member away."""
    answers, _ = ANSWERS[item]
    return [
        {k: v for k, v in (r | change).items() if v is not None} if answers(r) else r
        for r in chart()
    ]


def test_the_table_has_every_required_item() -> None:
    required = {i.id for i in MAPPINGS.checklist("general").items if i.need == "required"}
    assert required == {"demographics", *ANSWERS}


def test_whole_the_chart_lacks_nothing(case: CaseFile) -> None:
    assert missing(demo(case, chart())) == {}


@pytest.mark.parametrize("item", ANSWERS)
def test_an_item_that_was_taken_away_is_missing(case: CaseFile, item: str) -> None:
    outline = demo(case, without(item))
    assert missing(outline) == {item: "searched-none"}
    (kept,) = [line for line in packet.items(case) if line.missing]
    assert (kept.item, bool(kept.ask), kept.evidence) == (item, True, "")


@pytest.mark.parametrize("item", ANSWERS)
@pytest.mark.parametrize("kind", ["refused", "failed"])
def test_an_item_whose_search_broke_says_so(case: CaseFile, item: str, kind: str) -> None:
    _, searched = ANSWERS[item]
    gaps.add(case, Gap(read(searched), GapKind(kind), ("status 500",)))
    assert missing(demo(case, without(item))) == {item: kind}
    (kept,) = [line for line in packet.items(case) if line.missing]
    assert kept.evidence == searched


@pytest.mark.parametrize("item", ANSWERS)
@pytest.mark.parametrize("kind", ["unsupported", "not-asked"])
def test_an_item_nobody_could_ask_for_says_so(case: CaseFile, item: str, kind: str) -> None:
    matches = next(i.match for i in MAPPINGS.checklist("general").items if i.id == item)
    for searched in {match.type for match in matches}:
        gaps.add(case, Gap(read(searched), GapKind(kind), ("why",)))
    assert missing(demo(case, without(item)))[item] == kind


@pytest.mark.parametrize(
    ("item", "change", "kind"),
    [
        ("coverage", {"status": "draft"}, "preliminary"),
        ("problems", {"code": None}, "empty"),
        ("problems", {"verificationStatus": {"coding": [{"code": "refuted"}]}}, "refuted"),
        ("allergies", {"verificationStatus": {"coding": [{"code": "refuted"}]}}, "refuted"),
        ("medications", {"medicationCodeableConcept": None}, "empty"),
        ("notes", {"docStatus": "preliminary", "status": "registered"}, "preliminary"),
        ("notes", {"content": None, "presentedForm": None}, "empty"),
        ("labs", {"status": "registered"}, "preliminary"),
        ("first-opinion-plan", {"status": "revoked"}, "searched-none"),
        ("goals", {"lifecycleStatus": "rejected"}, "preliminary"),
        ("goals", {"description": None}, "empty"),
    ],
)
def test_a_record_that_does_not_count_is_told(
    case: CaseFile, item: str, change: dict[str, Any], kind: str
) -> None:
    outline = demo(case, spoiled(item, change))
    assert missing(outline) == {item: kind}
    if kind != "searched-none":
        (kept,) = [line for line in packet.items(case) if line.missing]
        assert kept.evidence


def test_a_patient_without_birth_date_is_not_who_the_patient_is(case: CaseFile) -> None:
    resources = [
        {k: v for k, v in r.items() if k != "birthDate"} if r["resourceType"] == "Patient" else r
        for r in chart()
    ]
    assert missing(demo(case, resources)) == {"demographics": "empty"}


def test_part_of_an_item_that_broke_is_told_though_the_item_is_there(case: CaseFile) -> None:
    gaps.add(case, Gap(read("DiagnosticReport"), GapKind("refused"), ("status 403",)))
    outline = demo(case, chart())
    labs = next(line for line in outline.items if line.item == "labs")
    assert labs.kind == "present"
    assert "DiagnosticReport refused" in labs.why


def test_pathology_is_never_too_old_whatever_the_checklist(case: CaseFile) -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "biopsy",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "11526-1"}]},
        "effectiveDateTime": "1987-03",
        "conclusion": "x",
    }
    outline = demo(case, [*chart(), report])
    pathology = next(line for line in outline.items if line.item == "pathology")
    assert (pathology.kind, pathology.records) == ("present", 1)
    with own_checklist(pathology={"window": "12 months"}) as name:
        demo(case, [*chart(), report], case_type=name)
    assert carried(case, "DiagnosticReport/biopsy")
    for checklist in MAPPINGS.checklists.values():
        for item in (i for i in checklist.items if i.id == "pathology"):
            assert item.window == "all"


def test_a_search_that_found_nothing_answers_where_the_checklist_says_so(case: CaseFile) -> None:
    gaps.add(case, Gap(read("Coverage"), GapKind("refused"), ("status 403",)))
    resources = [r for r in without("goals") if r["resourceType"] != "Coverage"]
    none = {"none_is_an_answer": True}
    with own_checklist(goals=none, coverage=none) as name:
        outline = demo(case, resources, case_type=name)
    # Only a search that worked can find none.
    assert missing(outline) == {"coverage": "refused"}
    goals = next(line for line in outline.items if line.item == "goals")
    assert (goals.kind, goals.answered, goals.ask) == ("searched-none", True, "")


def test_an_optional_item_is_told_only_if_there_is_something_to_be_had(case: CaseFile) -> None:
    demo(case, chart())
    assert "pathology" not in {line.item for line in packet.items(case) if line.told}
    draft = {
        "resourceType": "DiagnosticReport",
        "id": "biopsy",
        "status": "preliminary",
        "code": {"coding": [{"system": "http://loinc.org", "code": "11526-1"}]},
    }
    demo(case, [*chart(), draft])
    (told,) = [line for line in packet.items(case) if line.item == "pathology"]
    assert (told.told, told.missing, told.kind) == (True, False, "preliminary")


def test_requests_do_not_name_items_that_there_are_not(case: CaseFile) -> None:
    with pytest.raises(UsageError, match="number 1: an item that this kind of case does not have"):
        demo(case, chart(), sent_separately=[{"item": "imagse", "how": "by courier"}])
    with pytest.raises(ValueError, match="each item once"):
        request(sent_separately=[{"item": "images", "how": "a"}, {"item": "images", "how": "b"}])
