"""Where a case goes is frozen with it and its approval; bytes are hashed when they leave."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.store.case.casefile import CaseFile
from connector.store.case.state import required
from tests import support
from tests.sandbox_parts import Sandbox

PRODUCTION, TEST = ("production", "production"), ("test", "test")


@pytest.fixture
def other() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def approved(world: support.World, request: Path) -> str:
    digest: str = world.cli("map", request, "--json").json["packet_hash"]
    assert world.cli("approve", request, "--hash", digest, "--by", "A. Person").code == 0
    return digest


def case_file(world: support.World) -> Path:
    [path] = (world.store / "cases").glob("*/case.db")
    return path


@pytest.mark.parametrize(("step", "release"), [("pull", "auto"), ("approve", "manual")])
def test_another_environment_under_the_same_ids_is_refused(
    world: support.World, other: Sandbox, step: str, release: str
) -> None:
    """Both ends say test now, so the rule between the two ends has nothing to object to."""
    world.configure(environments=PRODUCTION, release=release)
    request = world.request()
    if step == "approve":
        approved(world, request)
    else:
        assert world.cli(step, request).code in (0, 3)
    world.configure(environments=TEST, release=release, destination_url=other.base_url)
    ran = world.cli("transfer", request)
    assert ran.code == 2
    assert "was production when this case was opened" in ran.err
    assert not other.resources()
    assert not world.written()
    assert world.cli("export", request, "-o", world.folder / "out").code == 2


def test_an_approval_is_for_one_destination(world: support.World, other: Sandbox) -> None:
    world.configure(release="manual")
    request = world.request()
    approved(world, request)
    world.configure(release="manual", destination_url=other.base_url)
    held = world.cli("transfer", request, "--json")
    assert (held.code, held.json["state"]) == (5, "awaiting-approval")
    assert not other.resources()
    assert world.cli("export", request, "-o", world.folder / "out").code == 5
    approved(world, request)
    assert world.cli("transfer", request, "--json").json["state"] == "verified"
    assert other.resources("Task")
    assert not world.written()


def test_another_source_is_pulled_anew(world: support.World, other: Sandbox) -> None:
    """The same patient id at another server may be another person."""
    other.put({"resourceType": "Patient", "id": world.patient, "gender": "female"})
    world.configure(release="manual")
    request = world.request()
    approved(world, request)
    world.configure(release="manual", source_url=other.base_url)
    held = world.cli("transfer", request, "--json")
    assert (held.code, held.json["counts"]["pulled"]) == (5, 1)
    assert not world.written()


def test_after_it_left_another_address_needs_to_be_named_as_the_same_server(
    world: support.World, other: Sandbox
) -> None:
    request = world.request()
    assert world.cli("transfer", request, "--json").json["state"] == "verified"
    before = world.destination_url
    alias = before.replace("127.0.0.1", "localhost")
    assert alias != before
    world.configure(destination_url=other.base_url)
    for verb in ("transfer", "verify"):
        ran = world.cli(verb, request)
        assert ran.code == 2
        assert "formerly" in ran.err
    assert not other.requests
    # The server's own links (further pages) still say the address before.
    links = f'allowed_origins = ["{before.removesuffix("/fhir")}"]'
    world.configure(destination_url=alias, destination=f'formerly = ["{before}/"]\n{links}')
    assert world.cli("verify", request, "--json").json["state"] == "verified"
    world.configure(destination_url=alias, destination=links)  # from now on this is its address
    assert world.cli("verify", request, "--json").json["state"] == "verified"


def test_a_case_of_an_older_program_is_adopted_and_asks_for_its_approval_again(
    world: support.World,
) -> None:
    world.configure(release="manual")
    request = world.request()
    digest = approved(world, request)
    with sqlite3.connect(case_file(world)) as db:
        db.execute(
            "UPDATE state SET value = json_remove(value, '$.source', '$.destination')"
            " WHERE name = 'route'"
        )
        db.execute("UPDATE state SET value = json_remove(value, '$.for') WHERE name = 'approval'")
    held = world.cli("transfer", request, "--json")
    assert (held.code, held.json["state"]) == (5, "awaiting-approval")
    assert held.json["adopted_at"]
    assert not world.written()
    assert world.cli("approve", request, "--hash", digest).code == 0
    assert world.cli("transfer", request, "--json").json["state"] == "verified"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), 'Mills', 'Mells') AS BLOB)"
        " WHERE type = 'Patient'",
        # … with a hash that fits, and with the packet's own hash as it was
        "UPDATE entry SET sha256 = (SELECT sha256 FROM entry WHERE type = 'Task')"
        " WHERE type = 'Patient'",
        "DELETE FROM entry WHERE type = 'Observation'",
    ],
)
def test_bytes_that_were_changed_in_the_case_file_do_not_leave(
    world: support.World, change: str
) -> None:
    world.configure(release="manual")
    request = world.request()
    approved(world, request)
    with sqlite3.connect(case_file(world)) as db:
        assert db.execute(change).rowcount > 0
    for arguments in (("transfer", request), ("export", request, "-o", world.folder / "out")):
        ran = world.cli(*arguments, "--json")
        assert ran.code == 5
        assert "changed or damaged" in ran.out
    assert not world.written()
    assert not (world.folder / "out").exists()
    # It can be looked at, and begun anew.
    assert world.cli("show", request, "--json").json["reasons"][0]["code"] == "altered"
    assert world.cli("pull", request).code in (0, 3)
    approved(world, request)
    assert world.cli("transfer", request, "--json").json["state"] == "verified"


def test_a_changed_chart_is_not_made_into_a_packet(world: support.World) -> None:
    request = world.request()
    world.cli("pull", request)
    with sqlite3.connect(case_file(world)) as db:
        db.execute("UPDATE record SET body = CAST(body || ' ' AS BLOB) WHERE type = 'Patient'")
    ran = world.cli("transfer", request, "--json")
    assert (ran.code, ran.json["reasons"][0]["code"]) == (5, "altered")
    assert not world.written()


def test_a_mistyped_patient_or_destination_costs_nothing(
    world: support.World, other: Sandbox
) -> None:
    world.configure(
        extra=f"""
[destinations.wrong]
id = "0b6f9d1e-0000-4000-8000-000000000002"
base_url = "{other.base_url}"
environment = "test"
new_patient = "hold"
release = "auto"
"""
    )
    mistyped = world.request("mistyped.yaml", patient={"id": "somebody-else"}, destination="wrong")
    assert world.cli("transfer", mistyped).code == 5
    assert world.cli("transfer", world.request(destination="wrong"), "--json").code == 5
    ran = world.cli("transfer", world.request(), "--json")
    assert ran.json["state"] == "verified"
    assert not other.resources("Task")
    # Once it has left it stays whose it is.
    ran = world.cli("transfer", mistyped)
    assert ran.code == 2
    assert "a packet has left" in ran.err


def test_what_was_brought_for_one_patient_does_not_go_with_another(world: support.World) -> None:
    scan = world.folder / "scan.txt"
    scan.write_text("a report\n")
    wrong = world.source.resources("Patient")[0] | {"id": "second"}
    world.source.put(wrong)
    request = world.request(patient={"id": "second"})
    world.cli("map", request)
    assert world.cli("attach", request, "--item", "pathology", scan).code in (0, 3)
    request = world.request()
    assert world.cli("transfer", request, "--json").json["state"] == "verified"
    assert world.cli("attach", request, "--list", "--json").json == []


def test_an_approval_of_the_future_is_none(world: support.World) -> None:
    """Given while a clock was wrong, it would not grow old."""
    world.configure(release="manual")
    world.request()
    hash_now = world.cli("transfer", "request.yaml", "--dry-run", "--json").json["packet_hash"]
    assert world.cli("approve", "SO-1", "--hash", f" {hash_now.upper()}").code == 0
    with CaseFile.open(next((world.store / "cases").iterdir())) as case:
        approval = required(case.state.approval)
        case.state.approval = {**approval, "at": "2098-01-01T00:00:00Z"}
    assert world.cli("transfer", "request.yaml", "--json").json["state"] == "awaiting-approval"
    assert not world.written()
