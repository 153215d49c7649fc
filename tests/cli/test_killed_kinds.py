"""However a packet travels: killed at any step of it and run again, it is there once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.cli.ends import unanswered
from tests.cli.test_killed import QUIRKS
from tests.cli.test_message import TELECOM
from tests.push.conftest import doubled
from tests.sandbox_parts import Quirks

STRIDE = support.stride(41, 7)


def once_by_tag(world: support.World) -> bool:
    statuses = [r["status"] for name in ("ServiceRequest", "Task") for r in world.there(name)]
    return doubled(world.destination) == [] and statuses == ["active", "requested"]


def one_document(world: support.World) -> bool:
    return [r["type"] for r in world.there()] == ["document"]


def one_message(world: support.World) -> bool:
    return len(world.destination.messages) == 1


def one_file(world: support.World) -> bool:
    return [path.suffix for path in (world.folder / "share").iterdir()] == [".zip"]


@dataclass(frozen=True)
class Way:
    """A destination, what may stand at its end, and how one sees there that it arrived once."""

    settings: str
    quirks: Quirks
    state: str
    once: Callable[[support.World], bool]
    doubts: bool = False  # whether an answer may be lost for good


BLIND = replace(QUIRKS, readable=frozenset({"Patient"}))
MESSAGE = 'bundle = { kind = "message" }'
WAYS = {
    "unread": Way(
        'read_back = "none"\nbundle = { max_entries = 15 }', BLIND, "accepted", once_by_tag, True
    ),
    "document": Way('bundle = { kind = "document" }', Quirks(), "verified", one_document),
    "message": Way(MESSAGE, Quirks(messages=60), "accepted", one_message),
    "message-unknown": Way(MESSAGE, Quirks(messages=0), "accepted", one_message, True),
    "files": Way("", Quirks(), "verified", one_file),
}


@contextmanager
def mapped(folder: Path, way: Way) -> Iterator[tuple[support.World, Path]]:
    """A case whose packet is authored and has not left."""
    folder.mkdir()
    kinds = {"source": {"quirks": QUIRKS}, "destination": {"quirks": way.quirks}}
    with support.world(folder, **kinds) as world:
        config = world.configure(destination=way.settings)
        if not way.settings:
            (folder / "share").mkdir()
            address = f'base_url = "{world.destination_url}"'
            config.write_text(config.read_text().replace(address, 'folder = "share"'))
        request = world.request(scope="whole-chart", **TELECOM)
        assert world.cli("map", request).code == 3
        yield world, request


def truth(world: support.World, way: Way) -> str:
    """What the people there would say."""
    return "arrived" if way.once(world) else "absent"


@pytest.mark.sweep
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", WAYS)
def test_killed_at_any_step_and_run_again(tmp_path: Path, name: str) -> None:
    way = WAYS[name]
    log = tmp_path / "steps"
    with mapped(tmp_path / "whole", way) as (world, request):
        world.cli("transfer", request, log=str(log))
        assert way.once(world)
    steps = log.read_text().split()
    assert {step.split(":")[0] for step in steps} >= {"send.before", "receive.after"}
    held = 0
    for number, step in enumerate(steps[::STRIDE]):
        with mapped(tmp_path / str(number), way) as (world, request):
            assert world.cli("transfer", request, failpoint=step).code == 137, step
            ran = world.cli("transfer", request, "--json")
            values: Any = ran.json
            assert "state" in values, (step, ran)
            if values["state"] == "held":
                assert values["reasons"][0]["code"] == "unclear", step
                held += 1
                said = truth(world, way)
                world.cli("resolve", "SO-1", "--choose", "-", "--by", "A. Person", stdin=said)
                values = world.cli("transfer", request, "--json").json
            assert values["state"] == way.state, (step, values["reasons"])
            assert way.once(world), step
            assert unanswered(world.store) == [], step
            log_rows = world.cli("audit", "show", "--json").json
            assert [row["event"] for row in log_rows].count("announce") >= 1, step
            assert world.cli("audit", "verify").code == 0, step
    assert way.doubts or not held
