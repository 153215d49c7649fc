"""`connector export`: the packet by another way than a push."""

import json
import zipfile
from typing import Any

import pytest
import requests

from connector.store.case.casefile import CaseFile
from tests.support import World

FHIR = {"Content-Type": "application/fhir+json"}
WORDS: dict[str, Any] = {
    "requester": {"organization": {"name": "Home"}, "telecom": {"phone": "1"}},
    "performer": {"organization": {"name": "Clinic"}, "telecom": {"phone": "2"}},
}


def test_it_asks_for_a_packet_and_for_a_person_who_let_it_go(world: World) -> None:
    world.configure(release="manual")
    request = world.request(**WORDS)
    world.cli("pull", request)
    ran = world.cli("export", request, "-o", "out")
    assert (ran.code, "no packet yet" in ran.err) == (2, True)
    digest = world.cli("transfer", request, "--dry-run", "--json").json["packet_hash"]
    ran = world.cli("export", request, "-o", "out")
    assert (ran.code, "nobody has approved" in ran.err) == (5, True)
    assert not (world.folder / "out").exists()
    world.cli("approve", request, "--hash", digest)
    assert world.cli("export", request, "-o", "out").code == 3
    assert (world.folder / "out" / "packet.html").exists()
    assert not world.written()


def test_a_packet_of_an_older_program_is_authored_again(world: World) -> None:
    request = world.request(**WORDS)
    digest = world.cli("map", request, "--json").json["packet_hash"]
    [folder] = world.store.glob("cases/*")
    with CaseFile.open(folder) as case:
        case.state.envelope = None
    ran = world.cli("export", request, "-o", "carry.zip")
    assert (ran.code, "`connector map REQUEST`" in ran.err) == (2, True)
    assert world.cli("map", request, "--json").json["packet_hash"] == digest
    assert world.cli("export", request, "-o", "carry.zip").code == 3


def test_every_shape_by_any_name_of_the_case(world: World) -> None:
    request = world.request(**WORDS)
    world.cli("map", request)
    for shape in ("document", "message", "transaction"):
        ran = world.cli("export", "SO-1", "--as", shape, "-o", f"{shape}.json")
        assert (ran.code, ran.err) == (3, "")
        path = world.folder / f"{shape}.json"
        assert json.loads(path.read_bytes())["type"] == shape
        assert path.stat().st_mode & 0o777 == 0o600
    assert world.cli("export", request, "-o", "carry.zip").code == 3
    with zipfile.ZipFile(world.folder / "carry.zip") as archive:
        assert {"README.txt", "packet.html", "bundle.json"} <= set(archive.namelist())
    assert world.cli("export", request, "-o", "carry.zip").code == 2
    assert world.cli("export", request, "-o", "nowhere/carry.zip").code == 1


def test_it_stands_in_the_disclosure_log_and_says_what_is_missing(world: World) -> None:
    request = world.request(**WORDS, case_type="oncology")
    world.cli("map", request)
    ran = world.cli("export", request, "-o", "carry.zip", "--json")
    assert (ran.code, ran.json["exit_code"]) == (3, 3)
    assert "pathology" in {line["item"] for line in ran.json["missing"]}
    assert world.cli("export", request, "-o", "carry.zip").code == 2  # nothing left: nothing told
    rows = world.cli("audit", "show", "--json").json
    assert [(row["event"], row["outcome"]) for row in rows] == [("export", "attempted")]
    assert rows[0]["resources"] > 10
    assert world.cli("audit", "verify").code == 0
    (event,) = next(world.folder.rglob("audit.ndjson")).read_text().splitlines()
    assert json.loads(event)["outcomeDesc"] == "export: attempted"


@pytest.mark.parametrize("one", WORDS)
def test_a_message_nobody_can_answer_is_told_with_the_field_to_fill(world: World, one: str) -> None:
    world.configure()
    path = world.folder / "connector.toml"
    path.write_text(path.read_text().replace('telecom = { phone = "+1 555 0100" }', ""))
    request = world.request(**{name: party for name, party in WORDS.items() if name != one})
    world.cli("map", request)
    ran = world.cli("export", request, "--as", "message", "-o", "m.json")
    assert (ran.code, "performer.telecom" in ran.err) == (2, True)
    assert not (world.folder / "m.json").exists()


def test_a_transaction_is_taken_by_a_server_whole_and_once(world: World) -> None:
    request = world.request(**WORDS)
    world.cli("map", request)
    world.cli("export", request, "--as", "transaction", "-o", "t.json")
    body = (world.folder / "t.json").read_bytes()
    for _ in range(2):
        answer = requests.post(world.destination_url, data=body, headers=FHIR, timeout=60)
        assert answer.status_code == 200, answer.text
    kinds = [resource["resourceType"] for resource in world.there()]
    assert kinds.count("ServiceRequest") == kinds.count("Patient") == kinds.count("Task") == 1
    assert world.there("Task")[0]["status"] == "requested"


def test_a_transaction_after_a_correction_is_refused_for_it_would_change_nothing(
    world: World,
) -> None:
    request = world.request(**WORDS)
    world.cli("map", request)
    assert world.cli("export", request, "--as", "transaction", "-o", "1.json").code == 3
    assert world.cli("export", request, "--as", "transaction", "-o", "2.json").code == 3
    world.request(**WORDS, question="Is it too late?")
    world.cli("map", request)
    ran = world.cli("export", request, "--as", "transaction", "-o", "3.json")
    assert (ran.code, "would stay as it was" in ran.err) == (2, True), ran
    assert not (world.folder / "3.json").exists()
    assert world.cli("export", request, "--as", "document", "-o", "3.json").code == 3


def test_a_transaction_is_refused_where_a_push_stands(world: World) -> None:
    request = world.request(**WORDS)
    world.cli("transfer", request)
    ran = world.cli("export", request, "--as", "transaction", "-o", "t.json")
    assert (ran.code, "was pushed" in ran.err) == (2, True), ran


def test_a_transaction_names_what_a_receiver_may_refuse(world: World) -> None:
    """A reference to a type that R4 does not allow there; counted, without the record's id."""
    world.source.put(
        {
            "resourceType": "Procedure", "id": "odd", "status": "completed",
            "subject": {"reference": f"Patient/{world.patient}"},
            "code": {"text": "A walk"}, "performedDateTime": "2026-11-01",
            "performer": [{"actor": {"reference": "Location/ward"}}],
        }
    )  # fmt: skip
    world.source.put({"resourceType": "Location", "id": "ward", "name": "Ward"})
    request = world.request(**WORDS, scope="whole-chart")
    world.cli("map", request)
    ran = world.cli("export", request, "--as", "transaction", "-o", "t.json")
    assert ran.code == 3
    assert "R4 does not allow Procedure.performer.actor -> Location (1)." in ran.err
    assert "odd" not in ran.err
    ran = world.cli("export", request, "--as", "document", "-o", "d.json")
    assert (ran.code, ran.err) == (3, "")


def test_a_transaction_refers_to_the_patient_whom_the_request_names(world: World) -> None:
    request = world.request(**WORDS, destination_patient={"id": "4711"})
    world.cli("map", request)
    assert world.cli("export", request, "--as", "transaction", "-o", "t.json").code == 3
    bundle = json.loads((world.folder / "t.json").read_bytes())
    resources = [entry["resource"] for entry in bundle["entry"]]
    assert "Patient" not in {r["resourceType"] for r in resources}
    [order] = [r for r in resources if r["resourceType"] == "ServiceRequest"]
    assert order["subject"]["reference"] == "Patient/4711"
    system = {"identifier": "urn:test|1"}
    named = world.request(**WORDS, request_id="SO-2", destination_patient=system)
    world.cli("map", named)
    ran = world.cli("export", named, "--as", "transaction", "-o", "u.json")
    assert (ran.code, "by an identifier" in ran.err) == (2, True), ran
