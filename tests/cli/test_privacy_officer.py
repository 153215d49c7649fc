"""What a privacy officer does who has read docs/release.md and no code: one test a decision."""

import shutil
from pathlib import Path

import pytest

from tests.cli.office import ACT, SUBJECT, Office, Record, condition, labelled, note

REQUEST = "request.yaml"
SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope",
                     "code": "patient-privacy"}]}  # fmt: skip
DEPRESSED: Record = {
    "coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F32.9"}],
    "text": "Depression",
}
FORM = {"kind": "patient-authorization", "document": "form.pdf"}
READ = {"read_by": "A. Officer", "patient": {"family": "Test", "birth_date": "1980-02-03"}}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path, "", "", patient="pat")
    made.request(scope="whole-chart")
    (tmp_path / "form.pdf").write_bytes(b"%PDF-1.4\nsigned\n%%EOF\n")
    return made


def test_hold_one_note(office: Office) -> None:
    office.chart(note("asked", "YXNrZWQ="), note("other")).cli("map", REQUEST)
    office.cli("release", REQUEST, "DocumentReference/asked", "--keep", stdin="the patient asked")
    assert office.decided()["DocumentReference/asked"] == ("withheld", "person-keeps")
    assert office.decided()["DocumentReference/other"][0] == "selected"


def test_open_one_note(office: Office) -> None:
    office.chart(note("house", meta=labelled("NODSCLCD")), note("b", "Yg==",
                 meta=labelled("NODSCLCD")))  # fmt: skip
    office.cli("map", REQUEST)
    office.cli("release", REQUEST, "DocumentReference/house", "--by", "A. Officer", stdin="read")
    assert office.decided()["DocumentReference/house"] == ("selected", "person-releases")
    assert office.decided()["DocumentReference/b"][0] == "withheld"


def own_kinds(office: Office, modes: str) -> None:
    assert office.cli("mappings", "copy", "mine", "release/heuristic.yaml").code == 0
    own = office.folder / "mine" / "release" / "heuristic.yaml"
    own.write_text(own.read_text().replace("modes: {}", f"modes: {modes}"))
    config = office.folder / "connector.toml"
    config.write_text(config.read_text() + '[mappings]\nfolder = "mine"\n')


def test_keep_all_mental_health(office: Office) -> None:
    office.chart(condition("low", code=DEPRESSED), condition("psy", "PSY"), condition("gout"))
    told = office.cli("transfer", REQUEST, "--dry-run").out
    assert "mental health: 1" in told
    own_kinds(office, "{mental health: withhold}")
    assert office.cli("transfer", REQUEST, "--dry-run").code == 3
    decided = office.decided()
    assert decided["Condition/low"] == ("withheld", "heuristic-mental-health")
    assert decided["Condition/psy"][0] == "withheld"
    assert decided["Condition/gout"][0] == "selected"


def test_a_false_alarm(office: Office) -> None:
    knee = {"text": "Anxiety about the knee: asks for surgery"}
    office.chart(condition("knee", code=knee), condition("gout"))
    own_kinds(office, "{mental health: hold}")
    assert office.cli("transfer", REQUEST, "--dry-run").code == 5
    assert "Condition/knee: sensitive [mental health (guess)]" in office.cli("show", REQUEST).out
    office.cli("release", REQUEST, "Condition/knee", "--by", "A. Officer", stdin="not that")
    assert office.cli("show", REQUEST, "--json").json["state"] == "awaiting-approval"
    own = office.folder / "mine" / "release" / "heuristic.yaml"
    own.write_text(own.read_text().replace("health: hold", "health: withhold"))
    assert office.cli("transfer", REQUEST, "--dry-run").code == 3
    assert office.decided()["Condition/knee"][0] == "selected"


def test_a_kind_that_nobody_knows_is_said(office: Office) -> None:
    office.chart(condition("gout"))
    own_kinds(office, "{mental helth: hold}")
    ran = office.cli("transfer", REQUEST, "--dry-run")
    assert ran.code == 2
    assert "heuristic.yaml, line" in ran.err


def test_part_2_with_an_authorization(office: Office) -> None:
    office.request(scope="whole-chart", basis={**FORM, **READ, "covers": ["part-2"],
                                               "until": "2036-01-01"})  # fmt: skip
    office.chart(condition("sud", "SUD"))
    ran = office.cli("transfer", REQUEST, "--dry-run")
    assert ran.code == 3, ran
    assert "A. Officer" in ran.out
    assert office.decided()["Condition/sud"][0] == "selected"
    office.request(scope="whole-chart", basis={**FORM, **READ})
    office.cli("transfer", REQUEST, "--dry-run")
    assert office.decided()["Condition/sud"] == ("withheld", "release-part-2")


def test_a_proxy_asks(office: Office) -> None:
    # The form is signed by the proxy; whose records it is about is the patient.
    office.chart(condition("gout"))
    proxy = {**READ, "patient": {"family": "Proxy", "birth_date": "1950-01-01"}}
    office.request(scope="whole-chart", basis={**FORM, **proxy})
    assert office.cli("transfer", REQUEST, "--dry-run").code == 5
    assert "somebody else" in office.cli("show", REQUEST).out
    office.request(scope="whole-chart", basis={**FORM, **READ})
    assert office.cli("transfer", REQUEST, "--dry-run").code == 3


def test_a_form_that_has_run_out(office: Office) -> None:
    office.chart(condition("sud", "SUD"))
    office.request(scope="whole-chart", basis={**FORM, **READ, "covers": ["part-2"],
                                               "until": "2020-01-01"})  # fmt: skip
    assert office.cli("transfer", REQUEST, "--dry-run").code == 5
    assert "run out" in office.cli("show", REQUEST).out
    office.request(scope="whole-chart")
    assert office.cli("transfer", REQUEST, "--dry-run").code == 3
    assert office.decided()["Condition/sud"][0] == "withheld"


def test_a_consent_that_can_not_be_evaluated(office: Office) -> None:
    unclear = {"type": "deny", "code": [{"text": "that visit"}]}
    consent = {"resourceType": "Consent", "id": "c", "status": "active", "patient": SUBJECT,
               "scope": SCOPE, "provision": unclear}  # fmt: skip
    office.chart(consent, condition("visit"), condition("gout"))
    assert office.cli("transfer", REQUEST, "--dry-run").code == 5
    assert "Consent/c: consent-unclear" in office.cli("show", REQUEST).out
    review = {"record": "Consent/c", "reviewed_by": "A. Officer", "withhold": ["Condition/visit"]}
    office.request(scope="whole-chart", consents=[review])
    assert office.cli("transfer", REQUEST, "--dry-run").code == 3
    assert office.decided()["Condition/visit"] == ("withheld", "consent-reviewed")
    explained = office.cli("mappings", "explain", REQUEST, "Condition/visit").out
    assert "because of Consent/c" in explained
    assert office.decided()["Condition/gout"][0] == "selected"


def test_a_doubt_about_the_other_team_is_told_and_accepted(office: Office) -> None:
    house = {"name": "Test Clinic", "npi": "1234567893"}
    parties: Record = {"performer": {"organization": house}, "requester": {"organization": house}}
    office.request(scope="whole-chart", **parties)
    office.chart(condition("gout"))
    doubt = "The receiving organisation is the one that asks"
    for ran in (office.cli("map", REQUEST), office.cli("transfer", REQUEST, "--dry-run"),
                office.cli("show", REQUEST), office.cli("transfer", REQUEST)):  # fmt: skip
        assert ran.out.count(doubt) == 1, ran.out
    shown = office.cli("show", REQUEST, "--json").json
    assert doubt in shown["independence"][0]
    approved = office.cli("approve", REQUEST, "--hash", shown["packet_hash"], "--by", "A. Officer")
    assert approved.code == 0
    assert approved.out.count(doubt) == 1
    assert office.cli("transfer", REQUEST).code == 3
    assert "approved by A. Officer" in office.cli("audit", "show").out


def test_a_doubt_is_told_where_nobody_approves(office: Office) -> None:
    house = {"name": "Test Clinic", "npi": "1234567893"}
    parties: Record = {"performer": {"organization": house}, "requester": {"organization": house}}
    office.request(scope="whole-chart", **parties)
    office.chart(condition("gout"), release="auto")
    folder = office.folder / "requests"
    folder.mkdir()
    shutil.move(office.folder / REQUEST, folder / REQUEST)
    assert "Independence: The receiving organisation" in office.cli("sync", "requests").out


def test_labels_are_told_by_their_names(office: Office) -> None:
    office.chart(condition("sud", "SUD")).cli("map", REQUEST)
    told = office.cli("mappings", "explain", REQUEST, "Condition/sud", "--json").json["records"][0]
    assert told["label"] == f"{ACT}|SUD"
