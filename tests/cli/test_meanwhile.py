"""What happens at the destination during a push: the patient is merged; its clock is hours off."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.push.conftest import doubled
from tests.sandbox_parts import Client, Fault, Protection, Quirks

TRANSACTIONS = r"^/fhir/?$"
SMALL = "bundle = { max_entries = 5 }\nattempts = 2\n"
MERGED: dict[str, dict[str, Any]] = {
    "merged": {"link": [{"type": "replaced-by", "other": {"reference": "Patient/another"}}]},
    "closed": {"active": False},
    "somebody else": {"birthDate": "1901-01-01"},
}


@contextmanager
def once_something_stands(world: support.World, change: dict[str, Any]) -> Iterator[None]:
    """As soon as a record stands beside the patient, the Patient there is changed."""
    end = threading.Event()

    def go_on() -> None:
        while not end.wait(0.01):
            if world.there("Patient") and len(world.there()) > 1:
                (patient,) = world.there("Patient")
                world.destination.put({"resourceType": "Patient", "id": "another"})
                world.destination.put(patient | change)
                return

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@pytest.mark.parametrize("change", MERGED)
def test_the_patient_changes_between_two_writes(world: support.World, change: str) -> None:
    """The next write is held; put right again, the same command goes on."""
    world.configure(destination=SMALL)
    world.destination.add_fault(Fault("delay", TRANSACTIONS, "POST", seconds=0.3))
    request = world.request()
    with once_something_stands(world, MERGED[change]):
        ran = world.cli("transfer", request, "--json")
    assert (ran.code, ran.json["state"]) == (5, "held"), ran
    assert ran.json["reasons"][0]["code"] == "identity"
    assert not any(task["status"] == "requested" for task in world.there("Task"))
    stood = len(world.there())
    again = world.cli("transfer", request)
    assert (again.code, len(world.there())) == (5, stood)
    (patient,) = [p for p in world.there("Patient") if p["id"] != "another"]
    right = {name: value for name, value in patient.items() if name not in MERGED[change]}
    (source,) = [p for p in world.source.resources("Patient") if p["id"] == world.patient]
    world.destination.put(right | {name: source[name] for name in ("birthDate",)})
    world.destination.clear_faults()
    mended = world.cli("transfer", request, "--json")
    assert (mended.code, mended.json["state"]) == (3, "verified"), mended
    assert doubled(world.destination) == []


def moment(seconds: float) -> str:
    """An HTTP date so many seconds from now, by our clock."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@contextmanager
def skewed(folder: Path, hours: float) -> Iterator[support.World]:
    """A world whose servers' clocks are both off, one ahead and one behind."""
    client = Client("app", secret="s3cret")
    there = {"quirks": Quirks(clock_ahead_s=hours * 3600), "protection": Protection([client])}
    here = {"quirks": Quirks(clock_ahead_s=-hours * 3600)}
    with support.world(folder, source=here, destination=there) as world:
        auth = (
            'auth = { type = "client-secret", client_id = "app",'
            f' client_secret = {{ env = "SECRET" }}, token_url = "{world.destination.token_url}" }}'
        )
        world.configure(destination=SMALL + auth)
        yield world


SECRET = {"SECRET": "s3cret"}


@pytest.mark.parametrize("hours", [-5, 5])
def test_clocks_that_are_hours_off_change_nothing(tmp_path: Path, hours: float) -> None:
    """A date to come back at is one of the server's own clock: soon, whatever ours says."""
    with skewed(tmp_path, hours) as world:
        soon = {"Retry-After": moment(hours * 3600 + 2)}
        for path in (TRANSACTIONS, "^/auth/token"):
            world.destination.add_fault(
                Fault("status", path, "POST", status=429, headers=soon, times=1)
            )
        request = world.request()
        ran = world.cli("transfer", request, "--json", env=SECRET)
        assert (ran.code, ran.json["state"]) == (3, "verified"), ran
        assert sum(r.status == 429 for r in world.destination.requests) == 2
        before = world.written()
        for verb in (["transfer", request], ["verify", "SO-1"]):
            assert world.cli(*verb, env=SECRET).code == 3
        assert [w for w in world.written()[len(before) :] if "token" not in w] == []
        assert doubled(world.destination) == []
        checks = world.cli("doctor", "--json", env=SECRET).json["checks"]
        told = [c["end"] for c in checks if c["name"] == "clock" and not c["ok"]]
        assert told == ["home", "outside"]


@pytest.mark.parametrize("hours", [-5, 5])
@pytest.mark.parametrize("path", [TRANSACTIONS, "^/auth/token"])
def test_an_hour_is_an_hour_on_a_clock_that_is_off(tmp_path: Path, hours: float, path: str) -> None:
    with skewed(tmp_path, hours) as world:
        later = {"Retry-After": moment(hours * 3600 + 3600)}
        world.destination.add_fault(Fault("status", path, "POST", status=429, headers=later))
        ran = world.cli("transfer", world.request(), "--json", env=SECRET)
        assert ran.json["state"] == "waiting", ran
        [reason] = [r for r in ran.json["reasons"] if r["exit_code"] == 4]
        until = datetime.fromisoformat(reason["what_to_do"].split()[-1].rstrip("."))
        assert timedelta(minutes=45) < until - datetime.now(UTC) <= timedelta(minutes=61)
