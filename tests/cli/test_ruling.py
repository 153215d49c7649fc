"""A person decides on single records, and is told what holds a case and why."""

from pathlib import Path

import pytest

from tests.cli.office import ACT, SUBJECT, Office, Record, at, condition, labelled, note, visit


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path, "", "", patient="pat")
    made.request(scope="whole-chart")
    return made


def test_one_note_is_opened_and_no_other(office: Office) -> None:
    office.chart(
        visit("v"),
        condition("sud", "SUD", encounter={"reference": "Encounter/v"}),
        note("knee", "a25lZQ==", **at("v")),
        note("other", "Y2FuYXJ5OQ==", **at("v")),
        note("same", "a25lZQ=="),
    )
    dry = office.cli("transfer", "request.yaml", "--dry-run", "--json").json
    assert office.decided()["DocumentReference/knee"] == ("withheld", "release-encounter-notes")
    explained = office.cli("mappings", "explain", "request.yaml", "DocumentReference/knee")
    assert "because of Condition/sud [release-part-2]" in explained.out
    assert f"label {ACT}|SUD" in explained.out

    ran = office.cli(
        "release", "request.yaml", "DocumentReference/knee", "--by", "A. Officer", stdin="read it"
    )
    assert ran.code == 3, ran
    assert "awaiting-approval" in ran.out  # another packet
    decided = office.decided()
    assert decided["DocumentReference/knee"] == ("selected", "person-releases")
    assert decided["DocumentReference/other"][0] == "withheld"
    assert decided["Condition/sud"][0] == "withheld"
    again = office.cli("transfer", "request.yaml", "--dry-run", "--json").json
    assert again["packet_hash"] != dry["packet_hash"]
    ruling = again["outline"]["rulings"][0]
    assert (ruling["record"], ruling["by"]) == ("DocumentReference/knee", "A. Officer")
    told = office.cli("transfer", "request.yaml", "--dry-run").out
    assert "released by A. Officer" in told
    assert "read it" not in told  # not on a terminal
    listed = office.cli("release", "request.yaml", "--list").out
    assert "DocumentReference/knee: release, A. Officer" in listed
    assert "read it" in listed

    approved = office.cli("approve", "request.yaml", "--hash", again["packet_hash"])
    assert approved.code == 0, approved
    assert office.cli("transfer", "request.yaml").code == 3
    sent = office.sent()
    assert "knee" in sent
    assert "canary9" not in sent
    assert "Y2FuYXJ5OQ==" not in sent
    for told in (sent, *(p.read_text("utf-8", "replace") for p in office.store.glob("ledger*"))):
        assert "A. Officer" not in told.replace("approved by A. Officer", "")
        assert "read it" not in told


def test_a_release_is_undone_and_a_kept_record_stays(office: Office) -> None:
    office.chart(visit("v"), condition("sud", "SUD", encounter={"reference": "Encounter/v"}),
                 note("knee", **at("v")), note("mine", "bWluZQ=="), condition("gout"))  # fmt: skip
    assert office.cli("map", "request.yaml").code == 3
    knee, mine = "DocumentReference/knee", "DocumentReference/mine"
    office.cli("release", "request.yaml", knee, stdin="read it")
    office.cli("release", "request.yaml", knee, "--undo")
    assert office.decided()[knee] == ("withheld", "release-encounter-notes")
    assert office.cli("release", "request.yaml", knee, "--undo").code == 2
    office.cli("release", "request.yaml", mine, "--keep", stdin="the patient asked")
    assert office.decided()[mine] == ("withheld", "person-keeps")
    assert office.decided()["Condition/gout"][0] == "selected"


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ("Condition/sud", "42 CFR Part 2"),
        ("DocumentReference/psy", "psychotherapy"),
        ("Condition/denied", "consent"),
        ("DocumentReference/copy", "another withheld record"),
        ("Condition/gout", "nothing withholds"),
        ("Patient/other", "no such record"),
    ],
)
def test_what_no_person_can_release(office: Office, record: str, says: str) -> None:
    consent = {
        "resourceType": "Consent", "id": "no", "status": "active", "patient": SUBJECT,
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope",
                              "code": "patient-privacy"}]},
        "provision": {"type": "permit", "provision": [{"type": "deny", "data": [
            {"meaning": "instance", "reference": {"reference": "Condition/denied"}}]}]},
    }  # fmt: skip
    office.chart(
        condition("sud", "SUD"), condition("denied"), condition("gout"), consent,
        note("psy", "cHN5", meta=labelled("PSYTHPN")), note("copy", "cHN5"),
    )  # fmt: skip
    assert office.cli("map", "request.yaml").code == 3
    before = office.decided()
    ran = office.cli("release", "request.yaml", record, "--by", "A", stdin="please")
    assert ran.code == 2
    assert says in ran.err
    assert office.decided() == before
    assert office.cli("release", "request.yaml", "--list").out == ""


def test_a_second_rule_behind_the_first_still_withholds(office: Office) -> None:
    # It is a note of that visit, and has the content of a record that no person can release.
    office.chart(
        visit("v"), condition("sud", "SUD", encounter={"reference": "Encounter/v"}),
        note("one", "b25l", **at("v"), meta=labelled("NODSCLCD")), note("psy", "b25l",
        meta=labelled("PSYTHPN")),
    )  # fmt: skip
    assert office.cli("map", "request.yaml").code == 3
    ran = office.cli("release", "request.yaml", "DocumentReference/one", stdin="read it")
    assert ran.code == 2
    assert "another withheld record" in ran.err
    assert office.cli("release", "request.yaml", "--list").out == ""


HOLDING: list[tuple[list[Record], Record, dict[str, str]]] = [
    ([{"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT,
       "encounter": {"reference": "Encounter/v"}, "code": {"text": "x"}},
      {**visit("v"), "meta": labelled("SUD")}], {},
     {"code": "withheld-safety", "record": "AllergyIntolerance/a", "rule": "release-part-2",
      "label": f"{ACT}|SUD", "because": "Encounter/v"}),
    ([condition("sud", "SUD")], {"include": ["Condition/sud"]},
     {"code": "withheld-named", "record": "Condition/sud", "label": f"{ACT}|SUD"}),
    ([condition("odd", "QQQ")], {},
     {"code": "label-unknown", "record": "Condition/odd", "label": f"{ACT}|QQQ"}),
    ([{"resourceType": "Consent", "id": "no", "status": "active", "patient": SUBJECT,
       "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope",
                             "code": "patient-privacy"}]}, "provision": {"type": "deny"}}], {},
     {"code": "consent-denies", "consent": "Consent/no", "record": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("records", "asked", "expected"), HOLDING)
def test_a_held_case_names_what_holds_it(
    office: Office, records: list[Record], asked: Record, expected: dict[str, str]
) -> None:
    office.request(scope="whole-chart", **asked)
    ran = office.chart(*records).cli("transfer", "request.yaml")
    assert ran.code == 5, ran
    name = expected.get("record") or expected["consent"]
    assert name not in ran.out + ran.err  # a line for cron is kept anywhere
    shown = office.cli("show", "request.yaml", "--json").json
    assert expected.items() <= shown["held_by"][0].items()
    assert name in office.cli("show", "request.yaml").out
    explained = office.cli("mappings", "explain", "request.yaml")
    assert explained.code == 0, explained
    assert name in explained.out
    log = office.cli("sync", ".", "--json")
    assert name not in log.out.replace("request.yaml", "")
    assert all(name.encode() not in p.read_bytes() for p in office.store.glob("ledger.db*"))


def test_every_record_that_holds_is_named_at_once_and_one_is_released(office: Office) -> None:
    office.chart(condition("odd", "QQQ"), condition("odder", "QQR"))
    assert office.cli("map", "request.yaml").code == 5
    shown = office.cli("show", "request.yaml", "--json").json["held_by"]
    assert {each["record"] for each in shown} == {"Condition/odd", "Condition/odder"}
    office.cli("release", "request.yaml", "Condition/odd", stdin="house code for orthopaedics")
    shown = office.cli("show", "request.yaml", "--json").json["held_by"]
    assert {each["record"] for each in shown} == {"Condition/odder"}
    office.cli("release", "request.yaml", "Condition/odder", "--keep", stdin="nobody knows")
    assert office.cli("show", "request.yaml", "--json").json["state"] == "awaiting-approval"


def test_a_kept_allergy_holds_and_the_patient_can_not_be_kept(office: Office) -> None:
    office.chart({"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT,
                  "code": {"text": "x"}})  # fmt: skip
    assert office.cli("map", "request.yaml").code == 3
    ran = office.cli("release", "request.yaml", "AllergyIntolerance/a", "--keep", stdin="asked")
    assert "--undo" in ran.out, "no authorization opens what a person keeps"
    shown = office.cli("show", "request.yaml", "--json").json
    assert shown["held_by"][0]["rule"] == "person-keeps"
    assert shown["reasons"][0]["code"] == "withheld-safety"
    refused = office.cli("release", "request.yaml", "Patient/pat", "--keep", stdin="asked")
    assert refused.code == 2
