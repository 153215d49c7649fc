from pathlib import Path
from typing import Any

import pytest

from connector.errors import Held, SourceFailed, UsageError
from connector.fhir.lossless import sha256
from connector.store.case.casefile import CaseFile
from connector.store.mapped import packet
from tests.packet.charts import (
    DESTINATION,
    FIXTURES,
    MAPPINGS,
    PATIENT,
    carried,
    put,
    put_chart,
    put_target,
    request,
    resources,
    run,
)

SUBJECT = {"reference": "Patient/p"}
SUD = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SUD"}]}


def condition(id: str, **more: Any) -> dict[str, Any]:
    made = {"resourceType": "Condition", "id": id, "subject": SUBJECT, "code": {"text": id}}
    return made | more


def decided(case: CaseFile) -> dict[str, tuple[str, str]]:
    return {f"{d.type}/{d.id}": (d.outcome, d.rule) for d in packet.decisions(case)}


def test_every_record_has_one_outcome_and_the_rule_behind_it(case: CaseFile) -> None:
    put(
        case,
        condition("active"),
        condition("wrong", verificationStatus={"coding": [{"code": "entered-in-error"}]}),
        condition("labelled", meta=SUD),
        condition("excluded"),
        {"resourceType": "Claim", "id": "money"},
        {"resourceType": "Patient", "id": "other"},
        {"resourceType": "Flag", "id": "f", "status": "inactive", "subject": SUBJECT},
        {"resourceType": "ImagingStudy", "id": "i", "status": "available", "subject": SUBJECT},
    )
    reports = DESTINATION.model_copy(
        update={"accepts": DESTINATION.accepts.model_copy(update={"images": "reports"})}
    )
    outline = run(case, request(exclude=["Condition/excluded"]), destination=reports)
    assert decided(case) == {
        "Patient/p": ("selected", "patient"),
        "Condition/active": ("selected", "safety-problems"),
        "Condition/wrong": ("entered-in-error", "entered-in-error"),
        "Condition/labelled": ("withheld", "release-part-2"),
        "Condition/excluded": ("not-selected", "request-exclude"),
        "Claim/money": ("not-selected", "never-financial"),
        "Patient/other": ("not-selected", "other-patient"),
        "Flag/f": ("not-selected", "outside-scope"),
        "ImagingStudy/i": ("not-selected", "destination-accepts"),
    }
    assert outline.counts == {
        "pulled": 9, "selected": 2, "not_selected": 5, "withheld": 1, "entered_in_error": 1,
        "merged": 0,
    }  # fmt: skip
    assert [d.id for d in outline.withheld] == ["labelled"]
    assert "labelled" not in str(outline.leaving + outline.staying)


def test_the_safety_set_travels_whatever_its_date_and_status_says(case: CaseFile) -> None:
    put(
        case,
        {"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT},
        {"resourceType": "MedicationRequest", "id": "m", "status": "active", "subject": SUBJECT},
        {"resourceType": "MedicationStatement", "id": "s", "subject": SUBJECT},
        condition("resolved", clinicalStatus={"coding": [{"code": "resolved"}]},
                  category=[{"coding": [{"code": "problem-list-item"}]}]),
    )  # fmt: skip
    run(case)
    rules = {rule for outcome, rule in decided(case).values() if outcome == "selected"}
    assert rules == {"patient", "safety-problems", "safety-allergies", "safety-medications"}


def test_what_leaves_brings_what_it_refers_to_but_not_money(case: CaseFile) -> None:
    put(
        case,
        condition("c", encounter={"reference": "Encounter/e"},
                  recorder={"reference": "Practitioner?identifier=s|1"}),
        {"resourceType": "Encounter", "id": "e", "account": [{"reference": "Account/a"}],
         "serviceProvider": {"reference": "Organization/o"}},
        {"resourceType": "Account", "id": "a"},
        {"resourceType": "Organization", "id": "o", "partOf": {"reference": "Organization/parent"}},
        {"resourceType": "Organization", "id": "parent"},
        {"resourceType": "Organization", "id": "stranger"},
        {"resourceType": "Practitioner", "id": "d"},
    )  # fmt: skip
    put_target(case, "Practitioner?identifier=s|1", "Practitioner/d")
    run(case, request(scope="whole-chart"))
    chosen = {key for key, (outcome, _) in decided(case).items() if outcome == "selected"}
    assert chosen == {
        "Patient/p", "Condition/c", "Encounter/e", "Organization/o", "Organization/parent",
        "Practitioner/d",
    }  # fmt: skip


def test_a_provenance_comes_with_a_target_and_does_not_bring_the_others(case: CaseFile) -> None:
    flag = {"resourceType": "Flag", "id": "f", "status": "inactive", "subject": SUBJECT}
    who = {"who": {"reference": "Practitioner/d"}}
    put(
        case,
        condition("c"),
        flag,
        {"resourceType": "Practitioner", "id": "d"},
        {"resourceType": "Provenance", "id": "both", "agent": [who],
         "target": [{"reference": "Flag/f"}, {"reference": "Condition/c"}]},
        {"resourceType": "Provenance", "id": "flag", "agent": [who],
         "target": [{"reference": "Flag/f"}]},
    )  # fmt: skip
    run(case)
    outcomes = decided(case)
    assert outcomes["Provenance/both"] == ("selected", "provenance")
    assert outcomes["Provenance/flag"][0] == outcomes["Flag/f"][0] == "not-selected"
    assert outcomes["Practitioner/d"] == ("selected", "referenced")
    assert [t["reference"].split("/")[0] for t in carried(case, "Provenance/both")["target"]] == [
        "Condition"
    ]
    run(case, request(scope="whole-chart"))
    assert len(carried(case, "Provenance/both")["target"]) == 2


def test_whole_chart_is_everything_but_what_never_travels(tmp_path: Path) -> None:
    case = CaseFile.open(tmp_path)
    put_chart(case, next((FIXTURES / "charts" / "mix").glob("Noble*")))
    outline = run(case, request(scope="whole-chart"))
    types = dict(case.rows("SELECT type, count(*) FROM record GROUP BY type"))
    sent = dict(case.rows("SELECT type, count(*) FROM entry WHERE origin = 'carried' GROUP BY 1"))
    shared = MAPPINGS.selection.shared
    for name, count in types.items():
        if name not in shared:
            assert sent.get(name, 0) == (0 if name in MAPPINGS.never_types else count), name
    assert outline.counts["pulled"] == sum(types.values())
    # every reference in the packet resolves in it, or is contained
    there = {f"{r['resourceType']}/{r['id']}" for r in resources(case)}
    assert not {ref for ref in literal(resources(case)) if ref not in there}


def literal(value: Any) -> set[str]:
    if isinstance(value, list):
        return {ref for item in value for ref in literal(item)}
    if not isinstance(value, dict):
        return set()
    own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
    return own.union(*(literal(child) for child in value.values()))


@pytest.mark.parametrize("file", ["smart-generated-sample-data/Pierre*", "mix/Charlene*"])
def test_the_checklist_scope_leaves_nothing_dangling(tmp_path: Path, file: str) -> None:
    case = CaseFile.open(tmp_path)
    put_chart(case, next((FIXTURES / "charts").glob(file)))
    run(case)
    there = {f"{r['resourceType']}/{r['id']}" for r in resources(case)}
    assert literal(resources(case)) <= there


def test_a_destination_that_takes_checklists_gets_no_whole_chart(case: CaseFile) -> None:
    put(case, {"resourceType": "Flag", "id": "f", "status": "inactive", "subject": SUBJECT})
    narrow = DESTINATION.model_copy(
        update={"accepts": DESTINATION.accepts.model_copy(update={"scope": "checklist"})}
    )
    run(case, request(scope="whole-chart"), destination=narrow)
    assert decided(case)["Flag/f"] == ("not-selected", "outside-scope")


def test_what_the_request_names_travels_and_is_referred_to(case: CaseFile) -> None:
    put(case, condition("c"), {"resourceType": "Flag", "id": "f", "subject": SUBJECT},
        {"resourceType": "Flag", "id": "g", "subject": SUBJECT})  # fmt: skip
    run(case, request(include=["Flag/f"], hinge=["Flag/g"], condition="Condition/c"))
    assert decided(case)["Flag/f"] == ("selected", "request-include")
    (order,) = resources(case, "ServiceRequest")
    (task,) = resources(case, "Task")
    hinge = f"Flag/{carried(case, 'Flag/g')['id']}"
    assert hinge in [each["reference"] for each in order["supportingInfo"]]
    assert hinge in [
        i["valueReference"]["reference"] for i in task["input"] if "valueReference" in i
    ]
    assert order["reasonReference"] == [
        {"reference": f"Condition/{carried(case, 'Condition/c')['id']}"}
    ]


@pytest.mark.parametrize("field", ["include", "hinge", "first_opinion", "exclude"])
def test_naming_what_is_not_there_is_told_without_the_id(case: CaseFile, field: str) -> None:
    with pytest.raises(UsageError, match=f"{field}, number 1: no such record") as caught:
        run(case, request(**{field: ["Flag/secret-1"]}))
    assert "secret-1" not in str(caught.value)


def test_naming_what_cannot_travel_is_told(case: CaseFile) -> None:
    put(case, {"resourceType": "Claim", "id": "m"}, condition("labelled", meta=SUD))
    with pytest.raises(UsageError, match="never-financial"):
        run(case, request(include=["Claim/m"]))
    with pytest.raises(Held) as caught:
        run(case, request(hinge=["Condition/labelled"]))
    assert caught.value.code == "withheld-named"


def test_an_unknown_case_type_is_a_usage_error(case: CaseFile) -> None:
    with pytest.raises(UsageError, match="case_type"):
        run(case, request(case_type="astrology"))


def test_a_chart_without_its_patient_is_refused(tmp_path: Path) -> None:
    case = CaseFile.open(tmp_path)
    case.state.source_patient = "p"
    with pytest.raises(SourceFailed):
        run(case)
    put(case, PATIENT | {"meta": SUD})
    with pytest.raises(Held) as caught:
        run(case)
    assert caught.value.code == "withheld-patient"


def test_a_record_that_is_no_json_stays_and_is_a_gap(case: CaseFile) -> None:
    bad = b'{"resourceType":"Flag","id":"bad","x":"\xff"}'
    with case.commit():
        case.execute(
            "INSERT INTO record (type, id, version, sha256, body, query) VALUES (?,?,?,?,?,?)",
            ("Flag", "bad", "1", sha256(bad), bad, "test"),
        )
    outline = run(case)
    assert decided(case)["Flag/bad"] == ("not-selected", "unreadable")
    assert outline.counts["pulled"] == 2
    assert case.rows("SELECT kind FROM gap") == [("failed",)]


def test_a_second_map_replaces_the_first(case: CaseFile) -> None:
    put(case, condition("c"))
    first = run(case)
    assert run(case).packet_hash == first.packet_hash == case.state.packet_hash
    run(case, request(exclude=["Condition/c"]))
    assert not resources(case, "Condition")
    assert case.state.packet_hash != first.packet_hash
