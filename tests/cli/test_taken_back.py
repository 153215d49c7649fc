"""Cancelled and recalled: what the receiver did stands; what is ours ends or goes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import requests

from connector.fhir.systems import TAG
from connector.store.case.casefile import CaseFile
from connector.store.case.values import Withdrawal
from tests import support
from tests.push.conftest import dangling
from tests.sandbox_parts import Quirks

Resource = dict[str, Any]
SMALL = Quirks(types=frozenset({
    "Patient", "Condition", "Immunization", "Encounter", "Organization", "Practitioner",
    "Location", "ServiceRequest", "Task", "Composition", "Provenance", "Device",
    "PractitionerRole", "Consent",
}))  # fmt: skip
SHARED = ("Practitioner", "Organization", "PractitionerRole", "Location", "Device")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[support.World]:
    with support.world(tmp_path) as made:
        made.configure()
        yield made


def say(world: support.World, reason: str, *arguments: str | Path) -> support.Ran:
    """Run the command line with a reason on standard input."""
    return world.cli(*arguments, stdin=reason)


def one(world: support.World, resource_type: str) -> Resource:
    """The one of its type, but for the Task that asks to stop."""
    [found] = [r for r in world.there(resource_type) if not asks_to_stop(r)]
    return found


def asks_to_stop(resource: Resource) -> bool:
    return bool(resource.get("code", {}).get("coding", [{}])[0].get("code") == "abort")


def edit(world: support.World, resource: Resource, **changes: Any) -> Resource:
    """What somebody at the destination does to a resource; as it stands then."""
    world.destination.put(resource | changes)
    name = f"{resource['resourceType']}/{resource['id']}"
    return next(r for r in world.there() if f"{r['resourceType']}/{r['id']}" == name)


def delete(world: support.World, *resources: Resource) -> None:
    """What somebody at the destination takes away, all at once."""
    urls = [f"{resource['resourceType']}/{resource['id']}" for resource in resources]
    entries = [{"request": {"method": "DELETE", "url": url}} for url in urls]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    kind = {"Content-Type": "application/fhir+json"}
    answer = requests.post(world.destination_url, json=bundle, headers=kind, timeout=30)
    assert answer.ok, answer.text


def ours(world: support.World) -> list[Resource]:
    return [
        r
        for r in world.there()
        if any(t["system"] == TAG for t in r.get("meta", {}).get("tag", []))
    ]


def events(world: support.World) -> list[tuple[str, str, str]]:
    rows = world.cli("audit", "show", "--json").json
    return [(row["event"], row["outcome"], row["approver"]) for row in rows]


def test_a_request_is_cancelled_while_nobody_took_it_up(world: support.World) -> None:
    request = world.request()
    sent = world.cli("transfer", request, "--json").json
    before = len(world.there())
    done = say(world, "the patient withdrew", "cancel", "SO-1", "--by", "A. Person", "--json")
    assert (done.code, done.json["state"]) == (0, "cancelled"), done.err
    assert done.json["taken_back"]["by"] == "A. Person"
    assert "withdrew" not in done.out
    assert one(world, "ServiceRequest")["status"] == "revoked"
    task = one(world, "Task")
    assert (task["status"], "businessStatus" in task) == ("cancelled", False)
    assert len(world.there()) == before
    assert events(world)[-2:] == [
        ("cancel", "attempted", "A. Person"),
        ("cancel", "verified", "A. Person"),
    ]
    assert world.cli("audit", "verify").code == 0
    assert world.cli("receipt", "check", sent["receipt"]).code == 0
    written = len(world.written())
    for command in ("transfer", "verify", "push", "pull"):
        again = world.cli(command, request, "--json")
        assert (again.code, again.json["state"]) == (0, "cancelled")
    assert say(world, "again", "cancel", "SO-1").code == 0
    assert world.cli("approve", "SO-1", "--hash", sent["packet_hash"]).code == 2
    assert len(world.written()) == written


def test_a_cancelled_case_no_longer_counts_in_sync(world: support.World) -> None:
    request = world.request("requests/a.yaml", needed_by="2020-01-01")
    assert world.cli("transfer", request).code != 0
    assert say(world, "too late", "cancel", "SO-1").code == 0
    assert world.cli("sync", "requests").code == 0


def test_a_case_that_sent_nothing_is_cancelled_without_a_word_to_anybody(
    world: support.World,
) -> None:
    request = world.request()
    world.cli("transfer", request, "--dry-run")
    assert say(world, "a mistake", "cancel", "SO-1").code == 0
    assert world.cli("transfer", request, "--json").json["state"] == "cancelled"
    assert world.written() == []
    assert world.cli("audit", "show", "--json").json == []


def test_a_reason_is_wanted(world: support.World) -> None:
    world.cli("transfer", world.request())
    for verb in ("cancel", "recall"):
        told = say(world, " \n", verb, "SO-1")
        assert told.code == 2
        assert "expected a reason" in told.err
    assert one(world, "Task")["status"] == "requested"


def test_a_task_taken_up_is_asked_to_stop_and_never_written(world: support.World) -> None:
    world.cli("transfer", world.request())
    accepted = edit(world, one(world, "Task"), status="accepted", note=[{"text": "We do it."}])
    done = say(world, "the patient withdrew", "cancel", "SO-1", "--by", "A. Person", "--json")
    assert (done.code, done.json["state"]) == (0, "cancelled"), done.err
    assert done.json["taken_back"]["left"] == ["Task"]
    assert one(world, "Task") == accepted
    assert one(world, "ServiceRequest")["status"] == "revoked"
    [asks] = [task for task in world.there("Task") if asks_to_stop(task)]
    assert asks["focus"]["reference"] == f"Task/{accepted['id']}"
    assert (asks["for"], asks["status"]) == (accepted["for"], "requested")
    assert "withdrew" not in json.dumps(asks, default=str)
    assert dangling(world.destination) == set()
    assert say(world, "again", "cancel", "SO-1").code == 0
    assert len(world.there("Task")) == 2


def test_a_request_they_changed_is_left_and_the_task_says_it(world: support.World) -> None:
    world.cli("transfer", world.request())
    theirs = edit(world, one(world, "ServiceRequest"), note=[{"text": "Booked."}])
    done = say(world, "moved away", "cancel", "SO-1", "--json")
    assert (done.code, done.json["taken_back"]["left"]) == (0, ["ServiceRequest"])
    assert one(world, "ServiceRequest") == theirs
    assert one(world, "Task")["status"] == "cancelled"


def test_with_nothing_left_to_cancel_by_a_person_has_to_call(world: support.World) -> None:
    world.cli("transfer", world.request())
    theirs = edit(world, one(world, "ServiceRequest"), note=[{"text": "Booked."}])
    delete(world, *world.there("Provenance"), one(world, "Task"))
    done = say(world, "moved away", "cancel", "SO-1", "--json")
    assert (done.code, done.json["reasons"][0]["code"]) == (5, "theirs")
    assert one(world, "ServiceRequest") == theirs


def test_all_that_is_ours_goes(world: support.World) -> None:
    request = world.request()
    sent = world.cli("transfer", request, "--json").json
    assert len(ours(world)) > 20
    listed = world.cli("recall", "SO-1", "--dry-run", "--json").json["resources"]
    assert {row["fate"] for row in listed} == {"deleted"}
    assert len(listed) == len(ours(world))
    done = say(world, "sent to a stranger", "recall", "SO-1", "--by", "A. Person", "--json")
    assert (done.code, done.json["state"]) == (0, "recalled"), done.err
    assert world.there() == []
    assert done.json["taken_back"]["fates"] == {"deleted": len(listed)}
    report = json.loads(Path(done.json["taken_back"]["report"]).read_text())
    assert {row["there"] for row in report["resources"]} == {row["there"] for row in listed}
    assert "stranger" not in json.dumps(report) + done.out
    assert events(world)[-1] == ("recall", "verified", "A. Person")
    written = len(world.written())
    again = world.cli("transfer", request, "--json")
    assert (again.code, again.json["state"]) == (0, "recalled")
    assert say(world, "x", "cancel", "SO-1").code == 2
    assert len(world.written()) == written
    assert sent["state"] == "verified"
    # The right team may get the same records under a new request.
    anew = world.request("b.yaml", request_id="SO-2")
    assert world.cli("transfer", anew, "--json").json["state"] == "verified"


def test_their_work_stands_and_nothing_hangs_in_the_air(world: support.World) -> None:
    world.cli("transfer", world.request())
    records = [r for r in ours(world) if r["resourceType"] == "Observation"]
    changed = edit(world, records[0], note=[{"text": "Read by us."}])
    accepted = edit(world, one(world, "Task"), status="accepted")
    world.destination.put(
        {
            "resourceType": "Observation",
            "id": "their-own",
            "status": "final",
            "code": {"text": "Their own"},
            "derivedFrom": [{"reference": f"Observation/{records[1]['id']}"}],
        }
    )
    theirs = [changed, accepted, next(r for r in world.there() if r["id"] == "their-own")]
    done = say(world, "wrong team", "recall", "SO-1", "--json")
    assert (done.code, done.json["state"]) == (5, "held"), done.err
    assert done.json["reasons"][0]["code"] == "remains"
    stands = {f"{r['resourceType']}/{r['id']}": r for r in world.there()}
    for resource in theirs:
        assert stands[f"{resource['resourceType']}/{resource['id']}"] == resource
    assert dangling(world.destination) == set()
    marked = [r for r in ours(world) if r.get("status") == "entered-in-error"]
    assert {r["resourceType"] for r in marked} >= {"ServiceRequest", "Observation"}
    assert all("supportingInfo" not in r and "valueQuantity" not in r for r in marked)
    rest = {r["resourceType"] for r in ours(world)} - {"Observation", "ServiceRequest", "Task"}
    assert rest <= {*SHARED, "Encounter", "Patient", "Condition", "DiagnosticReport"}
    delete(world, *theirs)
    again = world.cli("transfer", "SO-1", "--json")
    assert (again.code, again.json["state"]) == (0, "recalled"), again.json["taken_back"]
    assert world.there() == []


def test_what_another_case_brought_too_stays_until_that_is_recalled(
    world: support.World,
) -> None:
    world.cli("transfer", world.request())
    first = {f"{r['resourceType']}/{r['id']}" for r in ours(world)}
    second = world.request("b.yaml", request_id="SO-2")
    assert world.cli("transfer", second, "--json").json["state"] == "verified"
    done = say(world, "x", "recall", "SO-1", "--json")
    assert (done.code, done.json["state"]) == (0, "recalled"), done.json["reasons"]
    fates = done.json["taken_back"]["fates"]
    assert set(fates) == {"deleted", "kept"}
    gone = first - {f"{r['resourceType']}/{r['id']}" for r in ours(world)}
    assert {name.split("/")[0] for name in gone} <= {
        "ServiceRequest", "Task", "Composition", "Provenance",
    }  # fmt: skip
    assert world.cli("verify", second).code in (0, 3)
    assert say(world, "x", "recall", "SO-2").code == 0
    assert world.there() == []


def test_a_patient_that_was_there_is_never_touched(world: support.World) -> None:
    world.cli("transfer", world.request())
    patient = one(world, "Patient")
    say(world, "x", "recall", "SO-1")
    assert world.there() == []
    theirs = {k: v for k, v in patient.items() if k != "meta"} | {"id": "theirs"}
    world.destination.put(theirs)
    named = world.request("b.yaml", request_id="SO-2", destination_patient={"id": "theirs"})
    assert world.cli("transfer", named, "--json").json["state"] == "verified"
    assert say(world, "x", "recall", "SO-2").code == 0
    assert [(r["id"], r["meta"]["versionId"]) for r in world.there()] == [("theirs", "1")]


def test_a_recall_works_from_the_receipt_alone(world: support.World, tmp_path: Path) -> None:
    request = world.request()
    sent = world.cli("transfer", request, "--json").json
    kept = tmp_path / "kept.json"
    kept.write_bytes(Path(sent["receipt"]).read_bytes())
    wrong = say(world, "x", "recall", request, "--receipt", kept)
    assert wrong.code == 2
    for path in sorted(Path(sent["receipt"]).parent.iterdir()):
        path.unlink()
    changed = tmp_path / "changed.json"
    changed.write_bytes(kept.read_bytes().replace(b'"verified"', b'"differs"', 1))
    assert say(world, "x", "recall", request, "--receipt", changed).code == 2
    done = say(world, "wrong team", "recall", request, "--receipt", kept, "--json")
    assert (done.code, done.json["state"]) == (0, "recalled"), done.err
    assert world.there() == []
    assert events(world)[-1][:2] == ("recall", "verified")
    assert world.cli("audit", "verify").code == 0


@pytest.mark.deep
@pytest.mark.parametrize(
    ("way", "write"),
    [("transaction", "put"), ("batch", "create"), ("single", "conditional"), ("single", "put")],
)
def test_every_way_of_writing_takes_back(tmp_path: Path, way: str, write: str) -> None:
    with support.world(tmp_path) as world:
        world.configure(destination=f'way = "{way}"\nwrite = "{write}"')
        world.cli("transfer", world.request())
        edit(world, one(world, "Task"), status="accepted")
        assert say(world, "x", "cancel", "SO-1").code == 0
        assert one(world, "ServiceRequest")["status"] == "revoked"
        assert len(world.there("Task")) == 2
        accepted = one(world, "Task")
        assert say(world, "x", "recall", "SO-1").code == 5
        assert one(world, "Task") == accepted
        assert len(world.there("Task")) == 1
        assert dangling(world.destination) == set()
        delete(world, accepted)
        assert world.cli("transfer", "SO-1").code == 0
        assert world.there() == []


@pytest.mark.deep
@pytest.mark.sweep
@pytest.mark.parametrize("how", ["cancel", "recall"])
def test_killed_at_any_step_and_run_on(tmp_path: Path, how: Literal["cancel", "recall"]) -> None:
    stride = support.stride(41, 5)
    log, number = tmp_path / "steps.txt", 0
    steps = [""]
    while number < len(steps):
        (folder := tmp_path / f"kill-{number}").mkdir()
        with support.world(folder, source={"quirks": SMALL}) as world:
            world.configure(destination='bundle = { kind = "transaction", max_entries = 15 }')
            world.cli("transfer", world.request())
            edit(world, one(world, "Task"), status="accepted")
            theirs = one(world, "Task")
            [path] = world.store.glob("cases/*")
            with CaseFile.open(path) as case:
                case.state.withdrawal = Withdrawal(
                    how=how, by="A. Person", at="2026-11-22T00:00:00Z", reason="x"
                )
            step = steps[number]
            if step:
                assert world.cli("transfer", "SO-1", failpoint=step).code == 137, step
            ran = world.cli("transfer", "SO-1", "--json", log="" if step else str(log))
            assert ran.code == (0 if how == "cancel" else 5), (step, ran)
            assert one(world, "Task") == theirs, step
            assert dangling(world.destination) == set(), step
            if how == "cancel":
                assert one(world, "ServiceRequest")["status"] == "revoked", step
                assert len(world.there("Task")) == 2, step
            else:
                left = {r["resourceType"] for r in ours(world)}
                assert left <= {*SHARED, "Patient", "ServiceRequest", "Task"}, (step, left)
            assert world.cli("audit", "verify").code == 0, step
        if not step:
            steps += log.read_text().split()[::stride]
        number += 1
