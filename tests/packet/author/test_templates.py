import html
from typing import Any
from xml.etree import ElementTree

import pytest

from connector.errors import ConnectorError
from connector.fhir import systems
from connector.fhir.gate import check
from connector.packet import Revision
from connector.packet.author.composition import RECONCILE
from connector.packet.author.templates import author
from connector.packet.ruleset.rules import Template
from connector.request import Organization, Telecom
from connector.store.case.casefile import CaseFile
from connector.store.case.state import required
from connector.store.mapped import packet
from tests.packet.charts import AS_OF, DESTINATION, SOURCE, put, request, resources, run

SUBJECT = {"reference": "Patient/p"}


def only(case: CaseFile, name: str) -> Any:
    (found,) = resources(case, name)
    return found


def authored(case: CaseFile) -> dict[str, Any]:
    from connector.fhir.lossless import decode

    return {e.source: decode(e.body) for e in packet.entries(case, "authored")}


def test_the_order_says_what_is_asked_by_when_and_is_not_yet_active(case: CaseFile) -> None:
    meeting = {"start": "2026-12-10T10:00:00-05:00", "mode": "online"}
    performer = {"organization": {"name": "Clinic"}, "specialty": "Oncology"}
    run(
        case,
        request(meeting=meeting, performer=performer, also=["diagnosis"], patient_story="I run."),
    )
    order, task = only(case, "ServiceRequest"), only(case, "Task")
    assert (order["status"], order["intent"], task["status"]) == ("draft", "order", "draft")
    assert order["code"]["coding"][0]["code"] == "77406008"
    assert order["code"]["text"] == "Second opinion: Oncology"
    assert order["occurrenceDateTime"] == meeting["start"]
    assert [r["text"] for r in order["reasonCode"]] == [
        "Is surgery better than waiting?", "Key question: treatment", "Also asked: diagnosis",
    ]  # fmt: skip
    assert [n["text"] for n in order["note"]] == ["Is surgery better than waiting?", "I run."]
    assert order["performer"] == [{"display": "Clinic"}]
    assert order["authoredOn"] == task["authoredOn"] == AS_OF
    assert task["focus"]["reference"] == f"ServiceRequest/{order['id']}"
    assert task["restriction"]["period"]["end"] == "2026-12-10"
    assert task["for"] == order["subject"]
    for resource in (order, task):
        (placer,) = resource["identifier"]
        assert placer["type"]["coding"][0]["code"] == "PLAC"
        assert (placer["system"], placer["value"]) == (systems.PLACER, f"{SOURCE.id}/so-1")


def test_without_a_meeting_there_is_no_occurrence(case: CaseFile) -> None:
    run(case)
    assert "occurrenceDateTime" not in only(case, "ServiceRequest")


def test_what_is_missing_stands_in_the_task_and_in_the_note(case: CaseFile) -> None:
    run(case)
    missing = [
        i["valueString"]
        for i in only(case, "Task")["input"]
        if i["type"]["coding"][0]["code"] == "missing-item"
    ]
    assert len(missing) == 8
    assert any(text.startswith("Allergies and intolerances: ") for text in missing)
    about = only(case, "Composition")["section"][1]
    assert html.escape(RECONCILE) in about["text"]["div"]
    assert "Allergies and intolerances" in about["text"]["div"]


@pytest.mark.parametrize(
    "words", ["{{ %asOf }} {{ 1 + 1 }}", "{[ %missing ]}", "\ue0001 {%", "<b>&"]
)
def test_the_asker_s_words_are_words_not_expressions(case: CaseFile, words: str) -> None:
    run(case, request(question=words, patient_story=words))
    assert only(case, "ServiceRequest")["reasonCode"][0]["text"] == words
    assert only(case, "Task")["input"][0]["valueString"] == words
    reason = only(case, "Composition")["section"][0]["text"]["div"]
    root = ElementTree.fromstring(reason)
    assert root[1].text == words
    assert all(not len(paragraph) for paragraph in root)


def test_test_resources_are_marked_and_production_ones_never(case: CaseFile) -> None:
    run(case)
    for resource in authored(case).values():
        assert {"system": systems.ACT_REASON, "code": "HTEST"} in resource["meta"]["security"]
        assert any(tag["system"] == systems.RUN for tag in resource["meta"]["tag"])
    live = SOURCE.model_copy(update={"environment": "production"})
    run(case, source=live)
    for resource in authored(case).values():
        assert not any(label["code"] == "HTEST" for label in resource["meta"].get("security", []))
        assert [tag["system"] for tag in resource["meta"]["tag"]] == [systems.TAG]


def test_every_authored_resource_is_keyed_by_its_own_id_and_passes_the_gate(case: CaseFile) -> None:
    run(case)
    for resource in authored(case).values():
        assert {"system": systems.TAG, "code": resource["id"]} in resource["meta"]["tag"]
        assert check(resource) == []


@pytest.mark.parametrize(
    ("requester", "kind"),
    [
        ({}, "Organization"),
        ({"organization": {"name": "Practice"}}, "Organization"),
        ({"organization": {"name": "Practice"}, "telecom": {"phone": "1"}}, "PractitionerRole"),
        ({"practitioner": {"family": "Arzt"}}, "Practitioner"),
        ({"practitioner": {"family": "Arzt"}, "telecom": {"phone": "1"}}, "PractitionerRole"),
    ],
)
def test_the_requester_is_as_much_as_is_known(
    case: CaseFile, requester: dict[str, Any], kind: str
) -> None:
    run(case, request(requester=requester))
    reference = only(case, "ServiceRequest")["requester"]["reference"]
    assert reference.startswith(f"{kind}/")
    assert reference in {f"{r['resourceType']}/{r['id']}" for r in authored(case).values()}
    assert only(case, "Task")["requester"]["reference"] == reference


def test_the_records_office_is_the_source_s_and_the_composition_s_author(case: CaseFile) -> None:
    home = SOURCE.model_copy(
        update={
            "organization": Organization(name="Home Hospital", npi="1234567893"),
            "telecom": Telecom(email="records@example.org"),
        }
    )
    run(case, request(requester={"organization": {"name": "Practice"}}), source=home)
    made = authored(case)
    office = made["RecordsOffice"]
    assert office["identifier"] == [{"system": systems.NPI, "value": "1234567893"}]
    assert office["telecom"][0]["value"] == "records@example.org"
    reference = f"Organization/{office['id']}"
    assert made["Composition"]["author"] == [{"reference": reference}]
    asks = f"Organization/{made['RequesterOrganization']['id']}"
    assert (
        made["PractitionerRole"]["organization"] == {"reference": asks} != {"reference": reference}
    )


def test_shared_actors_keep_their_id_from_case_to_case(case: CaseFile) -> None:
    run(case)
    first = authored(case)
    run(case, request(request_id="so-2"))
    second = authored(case)
    for name in ("RecordsOffice", "Device"):
        assert first[name] == second[name]
    for name in ("ServiceRequest", "Task", "Composition", "Provenance-1"):
        assert first[name]["id"] != second[name]["id"]


def test_the_owner_is_a_placeholder_only_where_the_destination_has_one(case: CaseFile) -> None:
    run(case)
    assert case.state.owner_entry is None
    assert only(case, "Task")["owner"] == {"display": "The receiving team"}
    run(case, destination=DESTINATION.model_copy(update={"owner": "Organization/123"}))
    placeholder = {"reference": required(case.state.owner_entry), "display": "The receiving team"}
    assert only(case, "Task")["owner"] == placeholder
    assert only(case, "ServiceRequest")["performer"] == [placeholder]
    assert packet.entry(case, *placeholder["reference"].split("/")) is None


CLINIC = {"organization": {"name": "Clinic", "npi": "1234567893"}}


@pytest.mark.parametrize(
    ("more", "performer"),
    [
        ({}, {"identifier": {"system": systems.NPI, "value": "1234567893"}, "display": "Clinic"}),
        (
            {"practitioner": {"family": "Zweit", "given": "Ada"}},
            {"type": "Practitioner", "display": "Ada Zweit"},
        ),
        (
            {"practitioner": {"family": "Zweit"}, "telecom": {"phone": "1"}},
            {"reference": "#performer"},
        ),
    ],
)
def test_who_is_asked_is_told_as_far_as_it_is_known_and_never_written(
    case: CaseFile, more: dict[str, Any], performer: dict[str, Any]
) -> None:
    run(case, request(performer=CLINIC | more))
    order, task = only(case, "ServiceRequest"), only(case, "Task")
    assert order["performer"] == [performer]
    assert task["owner"]["display"] == "Clinic"
    assert "PerformerRole" not in authored(case)
    if "telecom" in more:
        (role,) = order["contained"]
        assert (role["resourceType"], role["id"]) == ("PractitionerRole", "performer")
        assert role["telecom"][0]["value"] == "1"
        assert role["practitioner"]["display"] == "Zweit"
        assert role["organization"] == task["owner"]


def test_an_owner_by_identifier_is_told_by_it_too(case: CaseFile) -> None:
    run(case, destination=DESTINATION.model_copy(update={"owner": "urn:oid:1.2|away"}))
    owner = only(case, "Task")["owner"]
    assert owner["identifier"] == {"system": "urn:oid:1.2", "value": "away"}
    assert owner["reference"] == case.state.owner_entry


def test_a_composition_that_updates_another_names_it(case: CaseFile) -> None:
    run(case)
    assert "relatesTo" not in only(case, "Composition")
    before = only(case, "Composition")["identifier"]
    run(case, revision=Revision(1))
    first = only(case, "Composition")
    assert first["relatesTo"] == [{"code": "replaces", "targetIdentifier": before}]
    run(case, revision=Revision(2))
    last = only(case, "Composition")["relatesTo"]
    assert last == [{"code": "replaces", "targetIdentifier": first["identifier"]}]


def test_provenance_covers_every_entry_but_the_patient_a_hundred_at_a_time(case: CaseFile) -> None:
    flags = [{"resourceType": "Flag", "id": f"f{n}", "subject": SUBJECT} for n in range(250)]
    put(case, *flags)
    run(case, request(scope="whole-chart"))
    provenances = resources(case, "Provenance")
    targets = [t["reference"] for p in provenances for t in p["target"]]
    entries = [f"{r['resourceType']}/{r['id']}" for r in resources(case)]
    expected = [e for e in entries if not e.startswith(("Provenance/", "Patient/"))]
    assert sorted(targets) == sorted(expected)
    assert [len(p["target"]) for p in provenances[:-1]] == [100] * (len(provenances) - 1)
    assert [e.source for e in packet.entries(case) if e.type == "Provenance"] == [
        f"Provenance-{n}" for n in range(1, len(provenances) + 1)
    ]
    codes = [agent["type"]["coding"][0]["code"] for agent in provenances[0]["agent"]]
    assert codes == ["author", "assembler", "transmitter"]


def test_entries_stand_in_packet_order(case: CaseFile) -> None:
    put(case, {"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT})
    run(case)
    assert [e.source for e in packet.entries(case)] == [
        "RecordsOffice", "Device", "AllergyIntolerance/a", "Patient/p", "Composition",
        "ServiceRequest", "Task", "Provenance-1",
    ]  # fmt: skip


def test_the_packet_is_as_confidential_as_the_most_confidential_record(case: CaseFile) -> None:
    system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
    label = {"security": [{"system": system, "code": "R"}]}
    put(case, {"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT, "meta": label})
    run(case)
    assert only(case, "Composition")["confidentiality"] == "R"
    assert {"system": system, "code": "R"} in only(case, "Task")["meta"]["security"]


def test_a_template_that_gives_no_valid_resource_is_stopped_without_its_values() -> None:
    wrong = {"resourceType": "Task", "id": "{{ %id }}", "statsu": "{{ %secret }}"}
    with pytest.raises(ConnectorError) as caught:
        author(
            "Task",
            Template(version="1", about="x", template=wrong),
            {"id": "1", "secret": "SECRET"},
        )
    assert "SECRET" not in str(caught.value)
    assert "Task.statsu" in str(caught.value)


def test_a_template_that_cannot_be_evaluated_names_itself() -> None:
    wrong = Template(
        version="1", about="x", template={"resourceType": "Task", "id": "{{ %nothing }}"}
    )
    with pytest.raises(ConnectorError, match="template Task: id"):
        author("Task", wrong, {})


def test_the_gate_tells_what_is_wrong_and_no_value() -> None:
    assert check({"resourceType": "Basic", "code": {"text": "x"}}) == []
    findings = check({"resourceType": "Observation", "status": 7, "code": "SECRET", "zz": 1})
    assert [f.split(":")[0] for f in findings] == [
        "Observation.code", "Observation.status", "Observation.zz",
    ]  # fmt: skip
    assert "SECRET" not in "".join(findings)
    assert check({"resourceType": "Nonsense"}) == ["Nonsense: unknown resource type"]
    assert check(
        {"resourceType": "Basic", "code": {"text": "x"}, "contained": [{"resourceType": "No"}]}
    )
