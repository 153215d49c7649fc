"""A delivery of everything that is difficult, killed at its steps in every way of writing."""

import base64
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.cli.ends import assert_proved, content
from tests.push.conftest import dangling
from tests.sandbox_parts import Quirks, Sandbox

# Way, write strategy, first step and how many further each time: of the usual way every step, side
# by side in parts.
SWEEPS = [
    *(("transaction", "conditional", first, 4) for first in range(4)),
    ("transaction", "put", 0, 13),
    ("transaction", "create", 0, 13),
    ("batch", "conditional", 0, 13),
    ("batch", "put", 0, 13),
    ("batch", "create", 0, 13),
    ("single", "conditional", 0, 13),
    ("single", "put", 0, 13),
    ("single", "create", 0, 13),
]
STRIDE = support.stride(29, 3)
LIMITS = 'bundle = { kind = "transaction", max_entries = 4, max_megabytes = 0.02 }'
REFUSED = "not taken here"
THERE = {
    "Patient": 1, "Observation": 10, "DocumentReference": 1, "Binary": 2, "Composition": 1,
    "ServiceRequest": 1, "Task": 1, "Provenance": 1, "Device": 1, "Organization": 1,
    "PractitionerRole": 1,
}  # fmt: skip


def linked(name: str, *members: str, **more: Any) -> dict[str, Any]:
    """An observation that refers to others."""
    return {
        **more,
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"text": "Glucose"},
        "subject": {"reference": "Patient/p1"},
        "hasMember": [{"reference": f"Observation/{member}"} for member in members],
    }


def difficult() -> list[dict[str, Any]]:
    """Circles of two and of six, one of itself, one refused in a circle, one too large."""
    text = base64.b64encode(b"letter " * 1_300).decode()
    attached = {"contentType": "text/plain", "data": text}
    return [
        {
            "resourceType": "Patient",
            "id": "p1",
            "identifier": [{"system": "urn:oid:1.2.36.146.595.217.0.1", "value": "4711"}],
            "name": [{"family": "Roe", "given": ["Ana"]}],
            "gender": "female",
            "birthDate": "1970-03-04",
        },
        linked("a1", "a2"),
        linked("a2", "a1"),
        *(linked(f"b{n}", f"b{(n + 1) % 6}") for n in range(6)),
        linked("self", "self"),
        linked("c1", "c2"),
        linked("c2", "c1", extension=[{"url": "urn:x", "valueString": REFUSED}]),
        {
            "resourceType": "DocumentReference",
            "id": "letter",
            "status": "current",
            "type": {"text": "Letter"},
            "subject": {"reference": "Patient/p1"},
            "content": [{"attachment": {**attached, "title": title}} for title in ("1", "2")],
        },
    ]


@contextmanager
def mapped(folder: Path) -> Iterator[support.World]:
    """A world whose case is mapped and whose packet has not left yet."""
    folder.mkdir()
    with Sandbox() as source, Sandbox() as nobody:
        for resource in difficult():
            source.put(resource)
        world = support.World(folder, source, nobody, "p1")
        world.configure()
        ran = world.cli("transfer", world.request(scope="whole-chart"), "--dry-run", "--json")
        assert ran.json["state"] == "ready", ran.out
        assert nobody.requests == []
        yield world
        world.destination.close()


def fresh(world: support.World, number: int, way: str, write: str) -> Path:
    """The mapped case in a folder of its own, and an empty destination."""
    world.folder = world.folder.parent / f"kill-{number}"
    shutil.copytree(world.folder.parent / "world", world.folder)
    world.destination.close()
    quirks = Quirks(transactions=way == "transaction", batches=way != "single", reject=REFUSED)
    world.destination = Sandbox(quirks=quirks)
    world.destination_url = world.destination.base_url
    world.configure(destination=f'write = "{write}"\n{LIMITS}')
    return world.folder / "request.yaml"


@pytest.mark.deep
@pytest.mark.sweep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("way", "write", "first", "stride"), SWEEPS)
def test_any_step_may_be_the_last(
    tmp_path: Path, way: str, write: str, first: int, stride: int
) -> None:
    with mapped(tmp_path / "world") as world:
        request = fresh(world, 0, way, write)
        log = world.folder / "steps"
        assert world.cli("transfer", request, log=str(log)).code == 3
        assert Counter(r["resourceType"] for r in world.there()) == THERE
        assert dangling(world.destination) == set()
        members = [m for o in world.there("Observation") for m in o["hasMember"]]
        assert [list(m) for m in members].count(["reference"]) == 9, "a circle is open"
        whole = content(world)
        assert max(whole.values()) == 1
        for number, step in enumerate(log.read_text().split()[first :: stride * STRIDE], 1):
            request = fresh(world, number, way, write)
            assert world.cli("transfer", request, failpoint=step).code == 137, step
            ran = world.cli("transfer", request, "--json")
            assert ran.json["state"] == "verified", (step, ran.out)
            assert content(world) == whole, step
            assert_proved(world, Path(ran.json["receipt"]), step, "partial")
            shutil.rmtree(world.folder)
