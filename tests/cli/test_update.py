"""What is new after a packet was told: sent as an update, and their work stands as it is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.fhir.systems import PLACER, TAG
from tests import support
from tests.cli.test_taken_back import edit, events, one, say
from tests.push.conftest import dangling

Resource = dict[str, Any]
SPARSE = 3  # the tiny chart lacks what the checklist requires


def lab(name: str, value: int = 5, **changes: Any) -> Resource:
    """A result at the source."""
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "laboratory",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}], "text": name},
        "effectiveDateTime": "2026-10-01",
        "valueQuantity": {"value": value, "unit": "mmol/L"},
        **changes,
    }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[support.World]:
    with support.world(tmp_path) as made:
        made.configure()
        for name in ("kept", "edited", "deleted", "wrong", "wrong-edited"):
            plant(made, lab(name))
        yield made


def plant(world: support.World, resource: Resource) -> None:
    world.source.put({**resource, "subject": {"reference": f"Patient/{world.patient}"}})


def labs(world: support.World, name: str) -> list[Resource]:
    """The results called `name` at the destination, as they stand now."""
    return [r for r in world.there("Observation") if r["code"].get("text") == name]


def the_lab(world: support.World, name: str) -> Resource:
    [found] = labs(world, name)
    return found


def letters(world: support.World) -> list[Resource]:
    return sorted(world.there("Communication"), key=lambda letter: letter["identifier"][0]["value"])


def said(letter: Resource) -> list[str]:
    return [part["contentString"] for part in letter["payload"] if "contentString" in part]


def about(letter: Resource) -> list[str]:
    found = (part.get("contentReference", {}).get("reference") for part in letter["payload"])
    return [reference for reference in found if reference]


def place(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def transfer(world: support.World, *arguments: str | Path) -> Any:
    ran = world.cli("transfer", *arguments, "--json")
    assert ran.out, ran.err
    return ran.json


def summary(world: support.World) -> Resource:
    """The Composition that no other one replaces."""
    found = world.there("Composition")
    former = [
        related["targetIdentifier"]["value"]
        for composition in found
        for related in composition.get("relatesTo", [])
    ]
    [last] = [c for c in found if c["identifier"]["value"] not in former]
    return last


def listed(composition: Resource) -> set[str]:
    return {e["reference"] for section in composition["section"] for e in section.get("entry", [])}


def test_a_new_result_is_sent_and_told(world: support.World) -> None:
    request = world.request()
    first = transfer(world, request)
    assert (first["state"], first["update"], letters(world)) == ("verified", None, [])
    before = {place(r): r for r in world.there()}
    old = summary(world)
    plant(world, lab("new"))

    stands = transfer(world, request, "--update")
    assert (stands["state"], stands["update"]["number"]) == ("verified", 1)
    assert stands["update"]["told_at"] is not None
    new = the_lab(world, "new")
    [letter] = letters(world)
    assert (letter["status"], letter["sent"]) == ("completed", stands["update"]["told_at"])
    assert about(letter) == [place(new)]
    assert said(letter)[0] == "1 record is new since then."
    assert letter["basedOn"][0]["reference"] == stands["service_request"]
    now = summary(world)
    assert letter["about"][0]["reference"] == place(now)
    assert now["relatesTo"] == [
        {"code": "replaces", "targetIdentifier": old["identifier"]},
    ]
    assert now["identifier"] == {
        "system": PLACER,
        "value": f"{world.source_id}/SO-1/1",
    }
    assert place(new) in listed(now)
    assert listed(old) < listed(now)

    # Nothing else moved but what carries the request, which nobody had taken up.
    after = {place(r): r for r in world.there()}
    moved = {key for key, resource in before.items() if after[key] != resource}
    assert moved == {stands["service_request"], stands["task"]}
    order = one(world, "ServiceRequest")
    assert (order["status"], place(now)) == ("active", order["supportingInfo"][0]["reference"])
    assert order["authoredOn"] == before[place(order)]["authoredOn"]
    assert one(world, "Task")["status"] == "requested"
    assert dangling(world.destination) == set()
    assert events(world)[-1][:2] == ("update", "verified")
    assert world.cli("audit", "verify").code == 0
    receipt = json.loads(Path(stands["receipt"]).read_text())
    assert (receipt["update"], receipt["told_at"]) == (1, stands["update"]["told_at"])
    kept = Path(stands["receipt"]).with_name("receipt-0.json")
    assert json.loads(kept.read_text())["packet_hash"] == first["packet_hash"]
    for proof in (stands["receipt"], kept):
        assert world.cli("receipt", "check", proof).code == 0
    assert world.cli("verify", "SO-1").code == SPARSE


def test_the_letter_names_what_the_source_changed_and_not_what_lost_a_link(
    world: support.World,
) -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "panel",
        "status": "final",
        "category": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "24323-8"}], "text": "panel"},
        "effectiveDateTime": "2026-10-01",
        "result": [{"reference": "Observation/kept"}, {"reference": "Observation/wrong"}],
        "conclusion": "Fine.",
    }
    plant(world, report)
    request = world.request()
    transfer(world, request)
    assert [r["conclusion"] for r in world.there("DiagnosticReport") if "conclusion" in r]
    plant(world, lab("wrong", status="entered-in-error"))
    transfer(world, request, "--update")
    [letter] = letters(world)
    words = " ".join(said(letter))
    assert "1 record is entered in error" in words
    assert "changed by the source" not in words
    assert about(letter) == [place(the_lab(world, "wrong"))]

    plant(world, {**report, "conclusion": "Not fine."})
    again = transfer(world, request, "--update")
    assert again["update"]["number"] == 2, again
    assert "1 record is changed by the source" in " ".join(said(letters(world)[-1]))


def test_where_nothing_is_new_nothing_is_said(world: support.World) -> None:
    request = world.request()
    first = transfer(world, request)
    written = len(world.written())
    again = transfer(world, request, "--update")
    assert (again["state"], again["packet_hash"]) == ("verified", first["packet_hash"])
    assert (again["as_of"], again["update"]) == (first["as_of"], None)
    assert len(world.written()) == written
    # nor after an update
    plant(world, lab("new"))
    told = transfer(world, request, "--update")
    written = len(world.written())
    again = transfer(world, request, "--update")
    assert again["packet_hash"] == told["packet_hash"]
    assert (again["as_of"], again["update"]) == (told["as_of"], told["update"])
    assert len(world.written()) == written
    assert world.cli("verify", "SO-1").code == SPARSE


def test_their_work_stands_and_the_new_truth_is_there(world: support.World) -> None:
    """Seen 6: they accept, edit, delete; then a result, corrections, a moved meeting; cancel."""
    request = world.request(scope="whole-chart", meeting={"start": "2098-01-01T10:00:00Z"})
    transfer(world, request)
    task = edit(world, one(world, "Task"), status="accepted", note=[{"text": "We do it."}])
    order = one(world, "ServiceRequest")
    edited = edit(world, the_lab(world, "edited"), note=[{"text": "Repeated here."}])
    error = edit(world, the_lab(world, "wrong-edited"), note=[{"text": "Unlikely."}])
    world.destination.delete(place(the_lab(world, "deleted")))
    assert (world.cli("verify", "SO-1").code, labs(world, "deleted")) == (8, [])

    plant(world, lab("new"))
    for name in ("kept", "edited", "deleted"):
        plant(world, lab(name, 7))
    for name in ("wrong", "wrong-edited"):
        plant(world, lab(name, status="entered-in-error"))
    world.request(scope="whole-chart", meeting={"start": "2098-02-02T10:00:00Z", "mode": "online"})
    stands = transfer(world, request, "--update")
    assert (stands["state"], stands["exit_code"]) == ("verified", SPARSE), stands["reasons"]

    assert the_lab(world, "kept")["valueQuantity"]["value"] == 7
    assert the_lab(world, "wrong")["status"] == "entered-in-error"
    assert labs(world, "wrong-edited") == [error]
    [theirs, ours] = sorted(labs(world, "edited"), key=lambda r: r["valueQuantity"]["value"])
    assert (theirs, ours["valueQuantity"]["value"]) == (edited, 7)
    again = the_lab(world, "deleted")
    assert again["valueQuantity"]["value"] == 7
    assert (one(world, "Task"), one(world, "ServiceRequest")) == (task, order)

    [letter] = letters(world)
    words = " ".join(said(letter))
    assert "2098-02-02T10:00:00Z (online)" in words
    assert "1 record is new" in words
    assert "3 records are changed" in words
    assert "2 records are entered in error" in words
    assert {place(ours), place(again), place(the_lab(world, "new"))} < set(about(letter))
    assert place(theirs) not in about(letter)
    contents = listed(summary(world))
    assert {place(ours), place(again)} < contents
    assert not contents & {place(theirs), place(the_lab(world, "wrong")), place(error)}
    assert stands["counts"]["theirs"] == 5  # three records, the order and the Task
    assert world.cli("verify", "SO-1").code == SPARSE
    written = len(world.written())
    assert transfer(world, request, "--update")["packet_hash"] == stands["packet_hash"]
    assert len(world.written()) == written

    done = say(world, "the patient withdrew", "cancel", "SO-1", "--json")
    assert (done.code, done.json["taken_back"]["left"]) == (0, ["Task"])
    assert one(world, "Task") == task
    assert say(world, "the wrong team", "recall", "SO-1", "--json").code == 5
    assert the_lab(world, "edited") == edited
    assert [r["status"] for r in labs(world, "wrong-edited")] == ["final"]
    assert labs(world, "deleted") == labs(world, "new") == []


def test_what_they_deleted_never_rises_again(world: support.World) -> None:
    request = world.request()
    transfer(world, request)
    world.destination.delete(place(the_lab(world, "deleted")))
    for value in (1, 2):
        plant(world, lab(f"new-{value}"))
        stands = transfer(world, request, "--update")
        assert (stands["state"], stands["counts"]["theirs"]) == ("verified", 1)
        assert labs(world, "deleted") == []
        named = [
            e.get("identifier", {}).get("value")
            for s in summary(world)["section"]
            for e in s.get("entry", [])
        ]
        assert "Observation/deleted" in named  # they can ask for it by its name at the source
    assert world.cli("verify", "SO-1").code == SPARSE


@pytest.mark.deep
def test_what_is_gone_at_the_source_is_told_once_and_stays(world: support.World) -> None:
    request = world.request()
    transfer(world, request)
    gone = the_lab(world, "kept")
    world.source.delete("Observation/kept")
    stands = transfer(world, request, "--update")
    [letter] = letters(world)
    assert said(letter)[0] == "1 record is no longer to be found at the source."
    assert (about(letter), the_lab(world, "kept")) == ([place(gone)], gone)
    assert place(gone) not in listed(summary(world))
    assert (stands["state"], world.cli("verify", "SO-1").code) == ("verified", SPARSE)
    plant(world, lab("new"))
    transfer(world, request, "--update")
    assert said(letters(world)[1])[0] == "1 record is new since then."
    assert about(letters(world)[1]) == [place(the_lab(world, "new"))]


@pytest.mark.deep
def test_an_edited_request_is_an_update(world: support.World) -> None:
    request = world.request(meeting={"start": "2098-01-01T10:00:00Z"})
    transfer(world, request)
    asked = len(world.source.requests)
    world.request(meeting={"start": "2098-02-02T10:00:00Z"}, needed_by="2098-02-01")
    stands = transfer(world, request)
    assert (stands["update"]["number"], stands["needed_by"]) == (1, "2098-02-01")
    # Of the source nothing is asked but what the consents say by now.
    assert [r.path for r in world.source.requests[asked:]] == ["/fhir/Consent"]
    assert one(world, "ServiceRequest")["occurrenceDateTime"] == "2098-02-02T10:00:00Z"
    assert one(world, "Task")["restriction"]["period"]["end"] == "2098-02-01"
    [letter] = letters(world)
    assert said(letter)[:2] == [
        "The meeting is now on 2098-02-02T10:00:00Z (undecided).",
        "The records are needed by 2098-02-01.",
    ]
    assert about(letter) == []
    world.request(meeting={"start": "2098-03-03T10:00:00Z"}, needed_by="2098-02-01")
    assert transfer(world, request)["update"]["number"] == 2
    assert len(letters(world)) == 2
    former = summary(world)["relatesTo"][0]["targetIdentifier"]["value"]
    assert former.endswith("/SO-1/1")
    assert world.cli("verify", "SO-1").code == SPARSE


@pytest.mark.deep
def test_an_edit_that_comes_while_a_packet_is_on_its_way_waits_for_it(
    world: support.World,
) -> None:
    request = world.request()
    assert world.cli("transfer", request, failpoint="send.after:2").code != 0
    world.request(question="Is it cancer at all?", key_question="diagnosis")
    stands = transfer(world, request)
    assert stands["update"]["number"] == 1
    assert "The question was put anew" in " ".join(said(letters(world)[0]))
    assert one(world, "ServiceRequest")["reasonCode"][0]["text"] == "Is it cancer at all?"


def test_another_patient_there_is_no_edit(world: support.World) -> None:
    transfer(world, world.request())
    told = world.cli("transfer", world.request(destination_patient={"id": "1"}))
    assert told.code == 2
    assert "destination_patient" in told.err


@pytest.mark.deep
def test_a_document_that_comes_late_is_an_update(world: support.World) -> None:
    request = world.request()
    transfer(world, request)
    (world.folder / "report.txt").write_text("Pathology: benign.\n")
    made = world.cli("attach", "SO-1", "--item", "first-opinion-plan", "report.txt")
    assert made.code in (0, 3, 4), made.err
    stands = transfer(world, request)
    assert (stands["state"], stands["update"]["number"]) == ("verified", 1)
    [document] = about(letters(world)[0])
    assert document in map(place, world.there("DocumentReference"))
    assert document in listed(summary(world))


@pytest.mark.deep
def test_an_update_needs_its_own_approval(world: support.World) -> None:
    world.configure(release="manual")
    request = world.request()
    shown = transfer(world, request)
    world.cli("approve", "SO-1", "--hash", shown["packet_hash"])
    assert transfer(world, request)["state"] == "verified"
    plant(world, lab("new"))
    held = transfer(world, request, "--update")
    assert (held["state"], held["exit_code"]) == ("awaiting-approval", 5)
    shown = world.cli("transfer", request, "--dry-run")
    assert "Since the packet that was told:\n       1 Observation new\n" in shown.out
    assert labs(world, "new") == letters(world) == []
    assert world.cli("approve", "SO-1", "--hash", held["packet_hash"]).code == 0
    assert transfer(world, request)["update"]["told_at"]
    assert len(labs(world, "new")) == 1


@pytest.mark.parametrize("status", ["rejected", "completed"])
def test_nothing_more_is_sent_where_they_have_ended_it(world: support.World, status: str) -> None:
    request = world.request()
    transfer(world, request)
    edit(world, one(world, "Task"), status=status)
    plant(world, lab("new"))
    written = len(world.written())
    held = transfer(world, request, "--update")
    assert (held["exit_code"], held["reasons"][0]["code"]) == (5, "ended")
    assert len(world.written()) == written
    assert labs(world, "new") == []


@pytest.mark.deep
def test_sync_brings_what_is_new_only_when_asked(world: support.World) -> None:
    world.request("requests/a.yaml")
    assert world.cli("sync", "requests").code == SPARSE
    plant(world, lab("new"))
    assert world.cli("sync", "requests").code == SPARSE
    assert labs(world, "new") == []
    assert world.cli("sync", "requests", "--update").code == SPARSE
    assert len(labs(world, "new")) == len(letters(world)) == 1


@pytest.mark.deep
def test_a_second_case_of_the_patient_meets_what_an_update_brought(world: support.World) -> None:
    request = world.request()
    transfer(world, request)
    plant(world, lab("kept", 7))
    plant(world, lab("new"))
    transfer(world, request, "--update")
    stands = transfer(world, world.request("other.yaml", request_id="SO-2"))
    assert stands["state"] == "verified", stands["reasons"]
    assert len(labs(world, "new")) == len(labs(world, "kept")) == 1
    tags = [
        t["code"] for r in world.there() for t in r["meta"].get("tag", []) if t["system"] == TAG
    ]
    assert len(tags) == len(set(tags))
