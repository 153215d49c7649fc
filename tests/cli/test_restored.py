"""A store of Monday on Wednesday, a ledger of Monday, a case folder gone: delivered, once."""

import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.fhir import systems
from connector.instant import instant
from tests import support
from tests.cli.test_taken_back import say
from tests.cli.test_update import about, lab, labs, letters, place, plant, said, summary


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
    while instant(datetime.now(UTC)) == first["as_of"]:
        pass  # a packet of the same second is the same packet, and known for it
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


def monday(world: support.World) -> tuple[Path, Path]:
    """Delivered, and backed up: the request file, the backup."""
    request = world.request("requests/a.yaml")
    ran = world.cli("transfer", request, "--json")
    assert ran.json["state"] == "verified", ran
    return request, keep(world)


def workflow(world: support.World) -> dict[str, Any]:
    found = [*world.there("Task"), *world.there("ServiceRequest")]
    return {f"{r['resourceType']}/{r['id']}": r for r in found}


@pytest.mark.parametrize("theirs", [False, True], ids=["untouched", "taken up"])
@pytest.mark.parametrize("news", ["the same", "more"])
def test_updated_since_the_backup(world: support.World, theirs: bool, news: str) -> None:
    """The same update is met; another one gets the number after it."""
    request, backup = monday(world)
    plant(world, lab("tuesday"))
    assert world.cli("transfer", request, "--update", "--json").json["state"] == "verified"
    if theirs:
        take_up(world)
    stood, [told], tuesdays = workflow(world), letters(world), summary(world)
    restore(world, backup)
    seen = world.cli("verify", "SO-1", "--json")
    assert (seen.code, "--update" in seen.json["reasons"][0]["what_to_do"]) == (8, True), seen
    if news == "more":
        plant(world, lab("wednesday"))
    ran = world.cli("transfer", request, "--update", "--json")
    assert (ran.code, ran.json["state"]) == (3, "verified"), ran
    assert doubled(world) == []
    assert [len(labs(world, name)) for name in ("tuesday", "wednesday")] == [1, news == "more"]
    assert letters(world)[0] == told
    assert ran.json["update"]["number"] == (2 if news == "more" else 1)
    if news == "more":
        [_, letter] = letters(world)
        assert letter["status"] == "completed"
        assert said(letter)[0] == "2 records are new since then."
        assert place(labs(world, "wednesday")[0]) in about(letter)
        assert summary(world)["relatesTo"][0]["targetIdentifier"] == tuesdays["identifier"]
    if theirs or news == "the same":
        assert workflow(world) == stood
    assert [task["status"] for task in world.there("Task")] == [
        "accepted" if theirs else "requested"
    ]
    again = len(world.written())
    assert world.cli("verify", "SO-1").code == 3
    assert world.cli("transfer", request, "--update", "--json").json["state"] == "verified"
    assert world.written()[again:] == []


@pytest.mark.parametrize("theirs", [False, True], ids=["untouched", "taken up"])
@pytest.mark.parametrize("how", ["cancel", "recall"])
def test_taken_back_since_the_backup(world: support.World, how: str, theirs: bool) -> None:
    """What was taken back never rises by itself, and the same decision ends it again."""
    request, backup = monday(world)
    if theirs:
        take_up(world)
    taken = say(world, "wrong team", how, "SO-1", "--by", "A. Person", "--json")
    stood = {f"{r['resourceType']}/{r['id']}": r for r in world.there()}
    restore(world, backup)
    before = len(world.written())
    assert world.cli("verify", "SO-1").code in ((3,) if how == "cancel" else (5, 8))
    assert world.cli("sync", "requests").code in ((3,) if how == "cancel" else (5, 8))
    plant(world, lab("wednesday"))
    ran = world.cli("transfer", request, "--update", "--json")
    assert (ran.code, ran.json["reasons"][0]["code"] in ("ended", "identity")) == (5, True), ran
    assert world.written()[before:] == []
    ended = say(world, "wrong team", how, "SO-1", "--by", "A. Person", "--json")
    assert (ended.code, ended.json["state"]) == (taken.code, taken.json["state"]), ended
    assert {f"{r['resourceType']}/{r['id']}": r for r in world.there()} == stood


@pytest.mark.parametrize("lost", ["folder", "emptied"])
def test_what_was_taken_back_is_not_sent_again_because_its_file_is_gone(
    world: support.World, lost: str
) -> None:
    """A recall after a wrong disclosure stays one, as long as the ledger is there."""
    request = world.request()
    assert world.cli("recall", request, stdin="wrong team").code == 2  # not "recalled, 0 of 0"
    assert world.cli("transfer", request).code == 3
    assert world.cli("recall", request, stdin="wrong team").code == 0
    (folder,) = (world.store / "cases").iterdir()
    (world.folder / "kept.json").write_bytes((folder / "receipt.json").read_bytes())
    if lost == "folder":
        shutil.rmtree(folder)
    else:
        for path in folder.glob("case.db*"):
            path.write_bytes(b"")
        assert "the case's file is empty" in world.cli("status").out
    world.destination.requests.clear()
    ran = world.cli("sync", ".")
    assert ran.code == 2
    assert "this case was recalled, and its case file is not there any more" in ran.out
    assert not world.written()
    again = world.cli("recall", request, "--receipt", "kept.json", stdin="wrong team")
    assert again.code == 0, again
