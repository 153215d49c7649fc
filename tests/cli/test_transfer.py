"""`connector transfer` through the real command line and real HTTP."""

import json
import uuid

import pytest

from connector.fhir import systems
from tests import support
from tests.sandbox_parts import Fault


def tagged(world: support.World) -> dict[str, str]:
    """`Type/<derived id>` → `Type/<id there>` of everything at the destination, by our tag."""
    found: dict[str, str] = {}
    for resource in world.there():
        for tag in resource.get("meta", {}).get("tag", []):
            if tag["system"] == systems.TAG:
                key = f"{resource['resourceType']}/{tag['code']}"
                assert key not in found, f"{key} stands there twice"
                found[key] = f"{resource['resourceType']}/{resource['id']}"
    return found


def test_a_whole_chart_arrives_once_and_a_second_run_writes_nothing(world: support.World) -> None:
    request = world.request(scope="whole-chart")
    first = world.cli("transfer", request, "--json")
    stands = first.json
    assert first.code == stands["exit_code"] == 3, first.err  # coverage and others are not in it
    assert stands["state"] == "verified"
    counts = stands["counts"]
    assert counts["verified"] == counts["sent"] > 0
    parts = ("selected", "not_selected", "withheld", "entered_in_error", "merged")
    assert counts["pulled"] == sum(counts[part] for part in parts)

    there = tagged(world)
    expected = {
        f"{r['resourceType']}/{uuid.uuid5(world.source_id, r['resourceType'] + '/' + r['id'])}"
        for r in world.source.resources()
        if r["resourceType"] in ("Observation", "Condition", "Encounter", "Immunization")
    }
    assert expected <= there.keys()
    assert [r["status"] for r in world.there("ServiceRequest")] == ["active"]
    assert [r["status"] for r in world.there("Task")] == ["requested"]

    world.destination.requests.clear()
    second = world.cli("transfer", request, "--json")
    assert second.code == first.code
    assert [i["item"] for i in second.json["missing"]] == [i["item"] for i in stands["missing"]]
    assert not world.destination.requests


def test_the_json_has_what_the_contract_promises(world: support.World) -> None:
    stands = world.cli("transfer", world.request(), "--json").json
    schema = json.loads((support.ROOT / "docs" / "case.schema.json").read_text())
    assert schema["required"] == list(stands)
    for name in ("service_request", "task", "patient", "packet", "receipt"):
        assert stands[name], name


def test_a_dry_run_sends_nothing_and_shows_the_hash_to_approve(world: support.World) -> None:
    world.configure(release="manual")
    request = world.request()
    dry = world.cli("transfer", request, "--dry-run")
    assert dry.code == 3
    assert not world.written()
    digest = dry.out.split("Hash: ")[1].split()[0]

    held = world.cli("transfer", request, "--json")
    assert (held.code, held.json["state"]) == (5, "awaiting-approval")
    assert not world.written()

    wrong = world.cli("approve", "SO-1", "--hash", "0" * 64)
    assert wrong.code == 2
    world.cli("approve", "SO-1", "--hash", digest, "--by", "A. Person")
    assert world.cli("transfer", request, "--json").json["state"] == "verified"


def test_an_edited_request_needs_approval_again(world: support.World) -> None:
    world.configure(release="manual")
    request = world.request()
    digest = world.cli("map", request, "--json").json["packet_hash"]
    world.cli("approve", request, "--hash", digest)
    request = world.request(question="Is radiotherapy better?")
    assert world.cli("transfer", request).code == 5
    assert not world.written()


@pytest.mark.parametrize(
    ("fault", "what", "kind"),
    [
        (Fault("status", r"/Condition\?", status=403), "Condition", "refused"),
        (Fault("status", r"/Immunization\?", status=500), "Immunization", "failed"),
        (Fault("cut-body", r"/Observation\?"), "Observation", "failed"),
    ],
)
def test_what_the_source_refuses_or_breaks_is_a_gap_and_said_again(
    world: support.World, fault: Fault, what: str, kind: str
) -> None:
    world.configure(source='pull = "search"')  # auto would fill the hole by $everything
    world.source.add_fault(fault)
    request = world.request()
    for _ in range(2):
        ran = world.cli("transfer", request, "--json")
        assert ran.code == 3
        assert (what, kind) in {(g["what"], g["kind"]) for g in ran.json["gaps"]}
    assert "gap" in world.cli("show", request).out.lower()


def test_an_expected_gap_is_told_but_not_counted(world: support.World) -> None:
    world.configure(source='pull = "search"\nexpected_gaps = ["Immunization"]')
    world.source.add_fault(Fault("status", r"/Immunization\?", status=403))
    stands = world.cli("transfer", world.request(), "--json").json
    assert [(g["what"], g["expected"]) for g in stands["gaps"]] == [("Immunization", True)]


def test_source_or_destination_down(world: support.World) -> None:
    nowhere = "http://127.0.0.1:9/fhir"
    world.configure(source="attempts = 1", source_url=nowhere)
    down = world.cli("transfer", world.request(), "--json")
    assert (down.code, down.json["state"]) == (6, "source-failed")
    assert not world.written()

    world.configure(destination="attempts = 1", destination_url=nowhere)
    down = world.cli("transfer", world.request(), "--json")
    assert (down.code, down.json["state"]) == (7, "destination-refused")

    world.configure()
    assert world.cli("transfer", world.request(), "--json").json["state"] == "verified"


def test_a_long_retry_after_parks_the_case(world: support.World) -> None:
    busy = Fault("status", r"/Observation\?", status=429, headers={"Retry-After": "3600"}, times=1)
    world.source.add_fault(busy)
    parked = world.cli("transfer", world.request(), "--json")
    assert (parked.code, parked.json["state"]) == (4, "waiting")
    assert world.cli("transfer", world.request(), "--json").json["state"] == "verified"


def test_two_runs_at_once_one_works_one_exits_10(world: support.World) -> None:
    from connector.store.lock import only_one

    request = world.request()
    world.cli("pull", request)
    handle = world.cli("show", request, "--json").json["case"]
    with only_one(world.store / "cases" / handle / "lock", "this case"):
        ran = world.cli("transfer", request)
    assert ran.code == 10
    assert not world.written()


def test_a_changed_digit_is_found_by_verify(world: support.World) -> None:
    request = world.request(scope="whole-chart")
    world.cli("transfer", request)
    observation = next(r for r in world.there("Observation") if "valueQuantity" in r)
    observation["valueQuantity"]["value"] += 1
    world.destination.put(observation)
    ran = world.cli("verify", request, "--json")
    assert (ran.code, ran.json["state"]) == (8, "differs")


def test_late_is_said(world: support.World) -> None:
    stands = world.cli("transfer", world.request(needed_by="2020-01-01"), "--json").json
    assert 11 in [reason["exit_code"] for reason in stands["reasons"]]


def test_the_search_plan_is_shown_with_its_reasons(world: support.World) -> None:
    world.source.add_fault(Fault("status", r"/Immunization\?", status=500))
    outline = world.cli("transfer", world.request(), "--dry-run", "--json").json["outline"]
    asked = {query["what"]: query for query in outline["asked"]}
    assert "asked for by the checklist" in asked["Observation"]["why"]
    assert "US Core" in asked["Observation"]["why"]
    assert asked["Observation"]["records"] > 0
    assert "$everything" in asked["Immunization"]["filled"]
    text = world.cli("transfer", world.request(), "--dry-run").out
    assert "Asked of the source" in text
    plain = " ".join(text.split())
    assert f"Observation {asked['Observation']['records']}," in plain
    assert f"Immunization failed (filled {asked['Immunization']['filled']})" in plain


def test_doctor_shows_what_is_known_of_the_source_and_what_it_would_ask(
    world: support.World,
) -> None:
    world.configure(source='server = "epic"')
    checks = {(c["end"], c["name"]): c for c in world.cli("doctor", "--json").json["checks"]}
    assert "only with a category" in checks["home", "server"]["detail"]
    asked = checks["home", "plan"]
    assert "Observation (" in asked["detail"]
    assert any("Observation?category=laboratory (epic demands" in line for line in asked["more"])
    world.configure(source='server = "epoc"')
    wrong = world.cli("doctor", "--json")
    assert wrong.code == 2
    assert any("epoc" in check["detail"] for check in wrong.json["checks"] if not check["ok"])


def test_a_second_pull_tells_what_changed(world: support.World) -> None:
    world.cli("pull", world.request())
    gone = next(r for r in world.source.resources() if r["resourceType"] == "Immunization")
    world.source.delete(f"Immunization/{gone['id']}")
    told = world.cli("pull", world.request(), "--json").json["changes"]
    assert {"type": "Immunization", "how": "disappeared", "records": 1} in told
    assert world.cli("show", world.request(), "--json").json["changes"] == told


def test_progress_is_told_as_events_beside_the_answer(world: support.World) -> None:
    ran = world.cli("pull", world.request(), "--json", "--progress", "json")
    assert ran.json["state"] == "pulled"
    events = [json.loads(line) for line in ran.err.splitlines()]
    last = events[-1]
    assert (last["event"], last["step"], last["done"]) == ("progress", "pull", last["total"])
    assert last["pages"] >= last["types"] > 5
    assert last["resources"] > 0
    assert last["bytes"] > 0
    assert last["slowest"]
    assert world.patient not in ran.err
    assert world.cli("pull", world.request(name="2.yaml", request_id="SO-2")).err == ""
