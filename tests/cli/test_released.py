"""Case files and ledgers of the released program, one per state: shown the same, and they go on."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.case import State
from connector.fhir import systems
from tests import released, support
from tests.cli.ends import unanswered

NAMES = sorted(one.__name__.replace("_", "-") for one in released.STATES)
# How a transfer ends what was left in each state, where it is not `verified` with exit code 3 (the
# chart lacks what the checklist requires).
ENDS: dict[str, tuple[int, State]] = {
    "accepted": (3, State.ACCEPTED),
    "cancelled": (0, State.CANCELLED),
    "cancelling": (0, State.CANCELLED),
    "closed": (0, State.READY),
    "differs": (8, State.DIFFERS),
    "message": (3, State.ACCEPTED),
    "recalled": (0, State.RECALLED),
    "recalling": (0, State.RECALLED),
    "unknown-outcome": (3, State.ACCEPTED),
    "withheld-since": (5, State.VERIFIED),
}


def approve(world: support.World) -> None:
    digest = world.cli("show", "SO-1", "--json").json["packet_hash"]
    world.cli("approve", "SO-1", "--hash", digest, "--by", "A. Person")


def arrived(world: support.World) -> None:
    world.cli("resolve", "SO-1", "--choose", "-", "--by", "A. Person", stdin="arrived\n")


def allow(world: support.World) -> None:
    world.source.delete("Consent/no")


def choose(world: support.World) -> None:
    listed = world.cli("resolve", "SO-1", "--json").json
    chosen = f"{listed['candidates'][0]['patient']}\n"
    world.cli("resolve", "SO-1", "--choose", "-", "--by", "A. Person", stdin=chosen)


# What a person has to do first.
FIRST: dict[str, tuple[int, Callable[[support.World], None]]] = {
    "approved": (5, approve),  # of another packet: by the rules of today more leaves
    "awaiting-approval": (5, approve),
    "held": (5, allow),
    "held-patient": (5, choose),
    "unknown-outcome": (5, arrived),
}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_shown_as_it_was_and_goes_on(name: str, tmp_path: Path) -> None:
    with released.reopened(name, tmp_path) as world:
        then, now = json.loads((tmp_path / "shown.json").read_text()), released.shown(world)
        assert {key: now[key] for key in then} == then  # a later program may tell more
        if name in FIRST:
            code, step = FIRST[name]
            assert world.cli("transfer", "request.yaml").code == code
            step(world)
        ran = world.cli("transfer", "request.yaml", "--json")
        assert (ran.code, ran.json["state"]) == ENDS.get(name, (3, State.VERIFIED)), ran
        assert unanswered(world.store) == []
        tags = Counter(
            tag["code"]
            for resource in world.there()
            for tag in resource["meta"].get("tag", [])
            if tag["system"] == systems.TAG
        )
        assert max(tags.values(), default=0) <= 1  # nothing came twice


def test_there_is_one_of_every_state() -> None:
    packed = {path.name.removesuffix(".tar.gz") for path in released.RELEASED.glob("*.tar.gz")}
    assert packed == set(NAMES)
    assert {state for path in packed for state in [released.packed(path, "shown")["state"]]} == set(
        State
    )
