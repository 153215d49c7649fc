"""`connector resolve`: a person says who the patient is, and it is kept who said so about what."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.sandbox_parts import Quirks, Sandbox

Resource = dict[str, Any]


@pytest.fixture
def ours(world: support.World) -> Resource:
    """The patient as the source has them."""
    return next(r for r in world.source.resources() if r["id"] == world.patient)


def plant(world: support.World, ours: Resource, patient_id: str, **changes: Any) -> None:
    """The same person at the destination, but for `changes`."""
    resource = {**ours, "id": patient_id, **changes}
    resource.pop("managingOrganization", None)
    world.destination.put({name: value for name, value in resource.items() if value is not None})


def resolve(world: support.World, *arguments: str) -> support.Ran:
    return world.cli("resolve", *arguments)


def choose(world: support.World, chosen: str) -> support.Ran:
    command = ["resolve", "SO-1", "--choose", "-", "--by", "A. Person", "--json"]
    return world.cli(*command, stdin=chosen)


def held(world: support.World, **request: Any) -> support.Ran:
    ran = world.cli("transfer", world.request(**request), "--json")
    assert (ran.code, ran.json["reasons"][0]["code"]) == (5, "identity"), ran
    assert world.written() == []
    return ran


def folder(world: support.World) -> Path:
    [path] = (world.store / "cases").iterdir()
    return path


def values(ours: Resource) -> list[str]:
    """What must not be printed: name, birth date, a number."""
    return [ours["name"][0]["family"], ours["birthDate"], ours["identifier"][0]["value"]]


def test_the_records_are_listed_without_values_and_stand_side_by_side_in_a_private_file(
    world: support.World, ours: Resource
) -> None:
    plant(world, ours, "there", birthDate="1901-02-03")
    plant(world, ours, "closed", active=False)
    told = held(world)
    ran = resolve(world, "SO-1")
    assert ran.code == 5
    assert "Patient/there: has an identifier of the patient's; differs in: birth date" in ran.out
    assert "can't be chosen: active (the record there is inactive)" in ran.out
    printed = ran.out + ran.err + told.out + told.err
    assert not [value for value in (*values(ours), "1901-02-03") if value in printed]
    path = folder(world) / "patients.txt"
    assert str(path) in ran.out
    assert path.stat().st_mode & 0o777 == 0o600
    shown = path.read_text()
    assert all(value in shown for value in (*values(ours), "1901-02-03"))
    assert f"* birthDate        {ours['birthDate']}" in shown
    assert resolve(world, "SO-1", "--show").code == 2  # that is no terminal
    told_json = resolve(world, "SO-1", "--json").json
    assert [c["patient"] for c in told_json["candidates"]] == [
        "Patient/closed", "Patient/there", "new",
    ]  # fmt: skip
    assert world.written() == []


def test_a_choice_is_kept_with_who_made_it_and_the_next_transfer_goes_on_with_it(
    world: support.World, ours: Resource
) -> None:
    plant(world, ours, "there", birthDate="1901-02-03")
    held(world)
    resolve(world, "SO-1")
    ran = choose(world, "there\n")
    assert ran.code == 3  # ready, with records missing
    assert ran.json["state"] == "ready"
    kept = ran.json["patient_chosen"]
    assert kept["patient"] == "Patient/there"
    assert (kept["by"], kept["differs"]) == ("A. Person", ["birth date"])
    assert kept["at"].endswith("Z")
    stands = world.cli("transfer", "SO-1", "--json").json
    assert (stands["state"], stands["patient"]) == ("verified", "Patient/there")
    assert stands["patient_chosen"] == kept
    [theirs] = world.there("Patient")
    assert (theirs["birthDate"], theirs["meta"]["versionId"]) == ("1901-02-03", "1")
    assert world.there("Task")[0]["for"] == {"reference": "Patient/there"}
    assert world.cli("verify", "SO-1").code == 3
    assert "Patient/there chosen by A. Person at" in world.cli("show", "SO-1").out
    with closing(sqlite3.connect(world.store / "ledger.db")) as ledger:
        dump = "\n".join(ledger.iterdump())
    assert not [text for text in ("A. Person", "there", *values(ours)) if text in dump]


def test_between_two_that_agree_a_person_decides(world: support.World, ours: Resource) -> None:
    plant(world, ours, "one")
    plant(world, ours, "two")
    held(world)
    resolve(world, "SO-1")
    assert choose(world, "Patient/two").code == 3
    assert world.cli("transfer", "SO-1", "--json").json["patient"] == "Patient/two"


@pytest.mark.parametrize("end", ["there", "here"])
def test_what_changed_since_it_was_seen_was_not_decided_about(
    world: support.World, ours: Resource, end: str
) -> None:
    plant(world, ours, "there", birthDate="1901-02-03")
    held(world)
    resolve(world, "SO-1")
    choose(world, "there")
    if end == "there":
        plant(world, ours, "there", birthDate="1902-02-03")
    else:
        world.source.put({**ours, "gender": {"male": "female", "female": "male"}[ours["gender"]]})
        world.cli("pull", "SO-1")
    again = held(world)
    assert "changed since one of them was chosen" in again.json["reasons"][0]["why"]
    resolve(world, "SO-1")
    choose(world, "there")
    assert world.cli("transfer", "SO-1", "--json").json["state"] == "verified"


def test_no_choice_overrules_a_record_that_takes_nothing(
    world: support.World, ours: Resource
) -> None:
    closed = {"deceasedBoolean": True}
    plant(world, ours, "there", birthDate="1901-02-03", **closed)
    held(world)
    resolve(world, "SO-1")
    ran = choose(world, "there")
    assert (ran.code, "can't be chosen" in ran.err) == (2, True)
    # Nor one that was closed after it was chosen.
    plant(world, ours, "there", birthDate="1901-02-03", active=True, deceasedBoolean=None)
    resolve(world, "SO-1")
    assert choose(world, "there").code == 3
    plant(world, ours, "there", birthDate="1901-02-03", **closed)
    held(world)


@pytest.mark.parametrize("chosen", ["somebody-else", "", "new-ish", "Organization/there"])
def test_only_what_was_listed_can_be_chosen(
    world: support.World, ours: Resource, chosen: str
) -> None:
    plant(world, ours, "there", birthDate="1901-02-03")
    held(world)
    unseen = choose(world, "there")
    assert (unseen.code, "nobody has looked" in unseen.err) == (2, True)
    resolve(world, "SO-1")
    ran = choose(world, chosen)
    assert (ran.code, "none of the records listed" in ran.err) == (2, True)
    assert not chosen or chosen not in ran.err
    held(world)


def test_an_id_does_not_belong_in_a_command_line(world: support.World, ours: Resource) -> None:
    plant(world, ours, "there-4711", birthDate="1901-02-03")
    held(world)
    ran = resolve(world, "SO-1", "--choose", "there-4711")
    assert ran.code == 2
    assert "there-4711" not in ran.out + ran.err


def test_a_new_record_beside_a_twin(world: support.World, ours: Resource) -> None:
    plant(world, ours, "twin", name=[{**ours["name"][0], "given": ["Somebody"]}])
    held(world)
    resolve(world, "SO-1")
    assert choose(world, "new").code == 3
    plant(world, ours, "late", birthDate="1901-02-03")  # nobody has decided about this one
    assert "changed since" in held(world).json["reasons"][0]["why"]
    resolve(world, "SO-1")
    choose(world, "new")
    stands = world.cli("transfer", "SO-1", "--json").json
    assert stands["state"] == "verified"
    assert stands["patient"] not in ("Patient/twin", "Patient/late")
    assert len(world.there("Patient")) == 3


def test_new_needs_leave_and_nobody_who_agrees(world: support.World, ours: Resource) -> None:
    plant(world, ours, "one", active=False)
    held(world)
    resolve(world, "SO-1")
    ran = choose(world, "new")
    assert (ran.code, "it would be there twice" in ran.err) == (2, True)
    config = world.folder / "connector.toml"
    config.write_text(config.read_text().replace('new_patient = "create"', ""))
    assert "new" not in [c["patient"] for c in resolve(world, "SO-1", "--json").json["candidates"]]
    assert choose(world, "new").code == 2


def test_a_request_that_names_somebody_since_overrules_the_choice(
    world: support.World, ours: Resource
) -> None:
    plant(world, ours, "there", birthDate="1901-02-03")
    plant(world, ours, "right", identifier=None)
    held(world)
    resolve(world, "SO-1")
    choose(world, "there")
    request = world.request(destination_patient={"id": "right"})
    assert world.cli("transfer", request, "--json").json["patient"] == "Patient/right"


def test_after_records_arrived_only_their_own_patient_can_be_confirmed(
    world: support.World, ours: Resource
) -> None:
    plant(world, ours, "there")
    assert world.cli("transfer", world.request(), "--json").json["state"] == "verified"
    plant(world, ours, "there", birthDate="1901-02-03")
    plant(world, ours, "other")
    ran = world.cli("verify", "SO-1", "--json")
    assert (ran.code, ran.json["state"]) == (5, "held")
    listed = resolve(world, "SO-1", "--json").json["candidates"]
    assert [(c["patient"], c["refused"]) for c in listed] == [
        ("Patient/there", ""),
        ("new", "records of this case stand under another one already"),
    ]
    assert choose(world, "there").code == 3
    assert world.cli("verify", "SO-1", "--json").json["state"] == "verified"


def test_somebody_whom_match_is_not_certain_of_can_be_chosen(
    world: support.World, ours: Resource
) -> None:
    with Sandbox(quirks=Quirks(match={"there": "probable"})) as other:
        world.destination = other
        world.configure(destination_url=other.base_url)
        config = world.folder / "connector.toml"
        config.write_text(config.read_text().replace('new_patient = "create"', ""))
        plant(world, ours, "there", identifier=None)
        held(world)
        assert "$match: probable" in resolve(world, "SO-1").out
        choose(world, "there")
        assert world.cli("transfer", "SO-1", "--json").json["patient"] == "Patient/there"


def test_without_a_packet_there_is_nothing_to_compare(world: support.World) -> None:
    world.cli("pull", world.request())
    ran = resolve(world, "SO-1")
    assert (ran.code, "no packet yet" in ran.err) == (2, True)


def test_on_a_terminal_it_asks(world: support.World, ours: Resource) -> None:
    plant(world, ours, "there", birthDate="1901-02-03", telecom=[{"value": "\x1b[2J\x07"}])
    held(world)
    shown = typed(world, "resolve", "SO-1", "--show", answer="\n")
    assert "1901-02-03" in shown
    assert "\x1b[2J" not in shown
    assert world.cli("show", "SO-1", "--json").json["patient_chosen"] is None
    shown = typed(world, "resolve", "SO-1", answer="1\n")
    assert "1901-02-03" not in shown
    assert "Patient/there chosen by" in shown
    stands = json.loads(world.cli("transfer", "SO-1", "--json").out)
    assert stands["patient"] == "Patient/there"


def typed(world: support.World, *arguments: str, answer: str) -> str:
    """What a person at a terminal sees who types `answer`."""
    terminal, end = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "connector", *arguments],
        cwd=world.folder, stdin=end, stdout=end, stderr=end,
    ):  # fmt: skip
        os.close(end)
        os.write(terminal, answer.encode())
        shown = b"".join(iter(lambda: chunk(terminal), b""))
        os.close(terminal)
    return shown.decode()


def chunk(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody writes to it any more
        return b""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"multipleBirthInteger": 2}, "multiple birth"),
        ({"gender": ["female"]}, "gender"),
        ({"name": {"family": "Roe"}}, "family, given"),
    ],
    ids=["twin", "gender a list", "name an object"],
)
def test_what_stands_against_one_person_is_told_in_words(
    world: support.World, ours: Resource, changes: Resource, told: str
) -> None:
    plant(world, ours, "there", **changes)
    assert told in held(world).json["reasons"][0]["why"]
