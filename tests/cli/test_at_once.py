"""Several runs at once: one writer per case and per destination, none that was overtaken."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy2

import pytest

from tests import support
from tests.push.conftest import doubled
from tests.sandbox_parts import Fault

TRANSACTION = r"^/fhir/?$"


def started(
    site: support.Site, *arguments: str | Path, failpoint: str = "", log: str = ""
) -> subprocess.Popen[str]:
    """The command line in a process that goes on while the test does."""
    settings = {"CONNECTOR_FAILPOINT": failpoint, "CONNECTOR_FAILPOINT_LOG": log}
    return subprocess.Popen(
        [sys.executable, "-m", "connector", *map(str, arguments)],
        cwd=site.folder,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def stopped(site: support.Site, *arguments: str | Path, at: str) -> Iterator[subprocess.Popen[str]]:
    """A run that stands still (SIGSTOP) at a step, and is woken when the block ends."""
    run = started(site, *arguments, failpoint=f"{at}:stop")
    try:
        _, status = os.waitpid(run.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), "it ended before that step"
        yield run
    finally:
        os.kill(run.pid, signal.SIGCONT)


def ended(run: subprocess.Popen[str]) -> support.Ran:
    out, err = run.communicate(timeout=120)
    return support.Ran(run.returncode, out, err)


def second_patient(world: support.World) -> str:
    """Somebody else at the source, seen by the same practitioners in the same places. The id."""
    first = f"Patient/{world.patient}"
    for number, resource in enumerate(world.source.resources()):
        if resource.get("subject", {}).get("reference") == first:
            copy = {"id": f"second-{number}", "subject": {"reference": "Patient/second"}}
            if resource["resourceType"] in ("Encounter", "Immunization", "Procedure"):
                copy.pop("encounter", None)
                world.source.put(resource | copy)
    patient = next(r for r in world.source.resources() if r["id"] == world.patient)
    world.source.put(
        patient
        | {
            "id": "second",
            "identifier": [{"system": "urn:oid:1.2.3", "value": "second"}],
            "name": [{"family": "Second", "given": ["Somebody"]}],
            "birthDate": "1961-02-03",
        }
    )
    return "second"


def test_two_runs_of_one_case_one_works_one_exits_10(world: support.World) -> None:
    request = world.request()
    with stopped(world, "transfer", request, at="send.before:3") as working:
        second = world.cli("transfer", request)
        assert second.code == 10
        assert "another run works on this case" in second.err
    assert ended(working).code == 3
    assert doubled(world.destination) == []
    assert len(world.there("Task")) == 1


@pytest.mark.deep
@pytest.mark.parametrize("write", ["conditional", "create", "put"])
@pytest.mark.parametrize("whose", ["one patient", "two patients"])
def test_two_cases_at_once_double_nothing(world: support.World, write: str, whose: str) -> None:
    world.configure(destination=f'write = "{write}"\nbundle = {{ max_entries = 60 }}')
    # So slow that each looks before the other has written, unless they take turns.
    world.destination.add_fault(Fault("delay", TRANSACTION, "POST", seconds=0.3))
    other = world.patient if whose == "one patient" else second_patient(world)
    whole = {"scope": "whole-chart"}
    requests = [
        world.request(**whole),
        world.request("2.yaml", request_id="SO-2", patient={"id": other}, **whole),
    ]
    runs = [started(world, "transfer", request, "--json") for request in requests]
    stands = [ended(run) for run in runs]
    assert [ran.json["state"] for ran in stands] == ["verified", "verified"], stands
    assert doubled(world.destination) == []
    assert len(world.there("Task")) == 2
    assert len(world.there("Patient")) == (1 if whose == "one patient" else 2)
    shared = {r["id"] for r in world.there("Practitioner")}
    seen_by = [str(e["participant"]) for e in world.there("Encounter") if "participant" in e]
    assert any(sum(i in text for text in seen_by) > 1 for i in shared)


# The steps of the ledger come one after another: 1 opened, 2 and 3 asked how the case ended, 4 the
# case taken, 5 the look-up told and 6 read for audit.ndjson, 7 earlier writes settled, 8 what we
# brought earlier asked for, 9 the turn taken, 10 the number of the write asked for, 11 the write
# intended.
CASE_TAKEN, LOOKED_UP, ABOUT_TO_WRITE, WRITING = (f"ledger.after:{step}" for step in (4, 6, 9, 10))
PULLING = "commit.after:12"


def test_who_stands_still_in_its_turn_is_not_waited_for_endlessly(world: support.World) -> None:
    """It has looked and not written yet: whoever wrote now would write the same."""
    world.configure(destination='wait_max_s = 0.2\nwrite = "create"')
    patient = {"id": second_patient(world)}
    with stopped(world, "transfer", world.request(), at=WRITING) as still:
        other = world.cli("transfer", world.request("2.yaml", request_id="SO-2", patient=patient))
        assert other.code == 10
        assert "another run works on this destination" in other.err
        assert world.written() == []
    assert ended(still).code == 3
    assert world.cli("transfer", "SO-2", "--json").json["state"] == "verified"
    assert doubled(world.destination) == []


@pytest.mark.parametrize("at", [CASE_TAKEN, PULLING, LOOKED_UP, ABOUT_TO_WRITE])
def test_who_was_stopped_and_overtaken_writes_nothing(world: support.World, at: str) -> None:
    request = world.request()
    with stopped(world, "transfer", request, at=at) as overtaken:
        assert world.cli("transfer", request).code == 10
        for lock in (*world.store.rglob("lock"), *world.store.rglob("*.lock")):
            lock.unlink()
        assert world.cli("transfer", request, "--json").json["state"] == "verified"
        written = world.written()
    ran = ended(overtaken)
    assert (ran.code, "another run has taken over this case" in ran.err) == (10, True)
    assert world.written() == written
    assert world.cli("show", "SO-1", "--json").json["state"] == "verified"


def test_who_lost_its_turn_to_another_case_writes_nothing(world: support.World) -> None:
    with stopped(world, "transfer", world.request(), at=ABOUT_TO_WRITE) as overtaken:
        for lock in world.store.glob("writing-*.lock"):
            lock.unlink()
        other = world.cli("transfer", world.request("2.yaml", request_id="SO-2"), "--json")
        assert other.json["state"] == "verified"
        written = world.written()
    ran = ended(overtaken)
    assert (ran.code, "another run writes at this destination" in ran.err) == (10, True)
    assert world.written() == written
    assert world.cli("transfer", "SO-1", "--json").json["state"] == "verified"
    assert doubled(world.destination) == []


def test_overtaken_from_another_store_with_the_same_ledger(world: support.World) -> None:
    ledger = f'[ledger]\nurl = "sqlite:///{world.folder / "shared" / "ledger.db"}"\n'
    request = world.request()
    world.configure(extra=f"[store]\npath = 'here'\n{ledger}")
    with stopped(world, "transfer", request, at=CASE_TAKEN) as overtaken:
        world.configure(extra=f"[store]\npath = 'there'\n{ledger}")
        (world.folder / "there").mkdir(mode=0o700)  # another machine has the same key
        copy2(world.folder / "here" / "ledger.key", world.folder / "there" / "ledger.key")
        assert world.cli("transfer", request, "--json").json["state"] == "verified"
        written = world.written()
    assert ended(overtaken).code == 10
    assert world.written() == written
    assert doubled(world.destination) == []
