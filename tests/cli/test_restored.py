"""A store of Monday on Wednesday, a ledger of Monday, a case folder gone: delivered, once."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from connector.fhir import systems
from tests import support


def doubled(world: support.World) -> list[tuple[str, str]]:
    tags = Counter(
        (resource["resourceType"], tag["code"])
        for resource in world.there()
        for tag in resource["meta"].get("tag", [])
        if tag["system"] == systems.TAG
    )
    return [key for key, number in tags.items() if number > 1]


def keep(world: support.World) -> Path:
    return Path(shutil.copytree(world.store, world.folder / "backup"))


def restore(world: support.World, backup: Path) -> None:
    shutil.rmtree(world.store)
    shutil.copytree(backup, world.store)


def versions(world: support.World) -> dict[str, str]:
    return {f"{r['resourceType']}/{r['id']}": r["meta"]["versionId"] for r in world.there()}


def take_up(world: support.World) -> None:
    [task] = world.there("Task")
    world.destination.put({**task, "status": "accepted", "lastModified": "2026-11-24T08:00:00Z"})


@pytest.mark.parametrize("theirs", [False, True], ids=["untouched", "taken up"])
def test_sent_since_the_backup(world: support.World, theirs: bool) -> None:
    request = world.request()
    world.cli("transfer", request, "--dry-run")
    backup = keep(world)
    assert world.cli("transfer", request, "--json").json["state"] == "verified"
    if theirs:
        take_up(world)
    stood = versions(world)
    restore(world, backup)
    ran = world.cli("transfer", request, "--json")
    assert (ran.code, ran.json["state"]) == (3, "verified"), ran
    assert versions(world) == stood  # nothing is written again, and nothing is put back to draft
    assert doubled(world) == []
    assert world.cli("verify", "SO-1").code == 3


@pytest.mark.parametrize("gone", ["case", "store", "store, but for a receipt"])
@pytest.mark.parametrize("theirs", [False, True], ids=["untouched", "taken up"])
def test_a_folder_that_is_gone(world: support.World, gone: str, theirs: bool) -> None:
    request = world.request()
    first = world.cli("transfer", request, "--json").json
    assert first["state"] == "verified"
    receipt = shutil.copy(first["receipt"], world.folder / "receipt.json")
    number = len(world.there())
    if theirs:
        take_up(world)
    shutil.rmtree(world.store / "cases" if gone == "case" else world.store)
    ran = world.cli("transfer", request, "--json")
    if gone != "case":  # no ledger knows that we announced it
        assert ran.code == 5
        assert "connector reconcile" in ran.json["reasons"][0]["what_to_do"]
        word = "--ours" if gone == "store" else f"--receipt={receipt}"
        told = world.cli("reconcile", request, word, "--json")
        assert told.code in (3, 4), (ran.out, told)
        unknown = [one for one in told.json["resources"] if not one["proof"]]
        assert [one["place"].partition("/")[0] for one in unknown] in ([], ["Task"])
        ran = world.cli("transfer", request, "--json")
    assert (ran.code, ran.json["state"]) == (3, "verified"), ran
    assert len(world.there()) == number
    assert doubled(world) == []
    [task] = world.there("Task")
    assert task["status"] == ("accepted" if theirs else "requested")
    assert world.cli("verify", "SO-1").code == 3
