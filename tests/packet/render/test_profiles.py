"""ServiceRequest and Task against BSeR, COW and US Core, one test for each element they speak of.

The validator in tests/real holds them to the profiles as published; this says in plain values what
of each we rely on, quickly and without Java. COW is here alone: its packages are not to be had.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from connector.fhir import systems
from connector.store.case.casefile import CaseFile
from connector.store.mapped import packet
from tests.packet.charts import AS_OF, FIXTURES, full_request, put_chart, run

Resource = dict[str, Any]
_HL7 = "http://terminology.hl7.org/CodeSystem/"
_SNOMED = "http://snomed.info/sct"
PLAC = {"system": _HL7 + "v2-0203", "code": "PLAC"}
RULES: dict[str, Callable[[Resource, Resource], bool]] = {
    # BSeR referral-servicerequest
    "ServiceRequest.identifier: one PLAC with system, value, assigner": lambda order, _: [
        sorted(i) for i in order["identifier"] if PLAC in i["type"]["coding"]
    ] == [["assigner", "system", "type", "value"]],
    "ServiceRequest.status, intent: order": lambda order, _: order["intent"] == "order"
    and order["status"] == "draft",
    "ServiceRequest.category: US Core's, and ours": lambda order, _: [
        c["coding"] for c in order["category"]
    ] == [[coding(_SNOMED, "386053000")], [coding(_SNOMED, "77406008")]],
    "ServiceRequest.code: 1..1 with text": lambda order, _: order["code"]["coding"]
    == [coding(_SNOMED, "77406008")]
    and order["code"]["text"].startswith("Second opinion"),
    "ServiceRequest.subject: the Patient": lambda order, _: kind(order["subject"]) == "Patient",
    "ServiceRequest.authoredOn, occurrence": lambda order, _: order["authoredOn"] == AS_OF
    and order["occurrenceDateTime"] == "2026-12-10T10:00:00-05:00",
    "ServiceRequest.requester: PractitionerRole": lambda order, _: kind(order["requester"])
    == "PractitionerRole",
    "ServiceRequest.performer: at most one, reachable": lambda order, _: order["performer"]
    == [{"reference": "#performer"}]
    and bool(order["contained"][0]["telecom"]),
    "ServiceRequest.reasonCode: each with text": lambda order, _: all(
        reason["text"] and len(reason["coding"]) == 1 for reason in order["reasonCode"]
    )
    and order["reasonCode"][0]["coding"] == [coding(_HL7 + "v2-0336", "S")],
    "ServiceRequest.reasonCode: the key question": lambda order, _: coding(
        systems.KEY_QUESTION, "treatment"
    )
    in order["reasonCode"][1]["coding"],
    "ServiceRequest.reasonReference: the Condition": lambda order, _: [
        kind(reference) for reference in order["reasonReference"]
    ] == ["Condition"],
    "ServiceRequest.supportingInfo: short": lambda order, _: [
        kind(reference) for reference in order["supportingInfo"]
    ] == ["Composition", "DiagnosticReport"],
    "ServiceRequest.orderDetail: with a code (prr-1)": lambda order, _: [
        detail["coding"][0]["code"] for detail in order["orderDetail"]
    ] == ["SO", "WR"],
    # BSeR referral-task and COW coordination-task
    "Task.identifier: PLAC (COW 1..*)": lambda order, task: task["identifier"]
    == order["identifier"],
    "Task.status, intent": lambda _, task: (task["status"], task["intent"]) == ("draft", "order"),
    "Task.code: fulfill": lambda _, task: task["code"]["coding"]
    == [coding("http://hl7.org/fhir/CodeSystem/task-code", "fulfill")],
    "Task.focus: the order": lambda order, task: task["focus"]["reference"]
    == f"ServiceRequest/{order['id']}",
    "Task.for, authoredOn, requester, owner": lambda order, task: (
        task["for"] == order["subject"]
        and task["authoredOn"] == AS_OF
        and task["requester"] == order["requester"]
        and task["owner"]["display"] == "Clinic"
    ),
    "Task.statusReason: none, so no text is wanted": lambda _, task: "statusReason" not in task,
    "Task.businessStatus: created": lambda _, task: task["businessStatus"]["coding"][0]["code"]
    == "2.0",
    "Task.restriction: the deadline": lambda _, task: task["restriction"]["period"]
    == {"end": "2026-12-10"},
    "Task.input: question, mode, hinge, missing": lambda _, task: {
        item["type"]["coding"][0]["code"] for item in task["input"]
    } == {"question", "mode", "hinge-item", "missing-item"},
    "Task.output: the receiver's to write": lambda _, task: "output" not in task,
}  # fmt: skip


def coding(system: str, code: str) -> dict[str, str]:
    return {"system": system, "code": code}


def kind(reference: dict[str, str]) -> str:
    return reference["reference"].partition("/")[0]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> CaseFile:
    case = CaseFile.open(tmp_path_factory.mktemp("case"))
    put_chart(case, next((FIXTURES / "charts").glob("mix/Noble*")))
    run(case, full_request(case, "treatment", "general"))
    return case


def authored(case: CaseFile, name: str) -> Any:
    entry = packet.authored(case, name)
    assert entry is not None
    return json.loads(entry.body)


@pytest.mark.parametrize("rule", RULES)
def test_order_and_task_satisfy_all_three(case: CaseFile, rule: str) -> None:
    assert RULES[rule](authored(case, "ServiceRequest"), authored(case, "Task"))


def test_each_section_is_as_ips_wants_it(case: CaseFile) -> None:
    """IPS: title, code and text 1..1, entry or emptyReason and not both, none inside another."""
    for section in authored(case, "Composition")["section"]:
        assert section["title"]
        assert section["code"]["text"]
        assert section["text"]["status"] == "generated"
        ours = section["title"] in ("Reason for referral", "About these records")
        assert ours or ("entry" in section) != ("emptyReason" in section)
        assert not {"entry", "emptyReason"} <= section.keys()
        assert "section" not in section


def test_the_composition_is_a_referral_note_of_the_records_office(case: CaseFile) -> None:
    made = authored(case, "Composition")
    assert made["type"]["coding"][0]["code"] == "57133-1"
    assert made["author"] == [made["custodian"]]
    assert kind(made["custodian"]) == "Organization"
    assert (made["date"], made["confidentiality"]) == (AS_OF, "N")


def test_provenance_adds_us_as_transmitter_and_takes_nobody_s_place(case: CaseFile) -> None:
    """US Core basic provenance: redistribution. The chart's own Provenance travels as it was."""
    made = authored(case, "Provenance-1")
    assert made["activity"]["coding"][0]["code"] == "transmit"
    transmitter = made["agent"][-1]
    assert transmitter["type"]["coding"][0]["code"] == "transmitter"
    assert kind(transmitter["who"]) == "Device"
    assert transmitter["onBehalfOf"] == made["agent"][0]["who"]
    (theirs,) = [
        json.loads(e.body) for e in packet.entries(case, "carried") if e.type == "Provenance"
    ]
    source = case.row("SELECT body FROM record WHERE type = 'Provenance'")
    assert source
    before = json.loads(source[0])
    assert [a["type"] for a in theirs["agent"]] == [a["type"] for a in before["agent"]]
    assert theirs["recorded"] == before["recorded"]
