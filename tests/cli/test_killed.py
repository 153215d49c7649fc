"""Killed before and after every commit, send and receive, then run again: the same end state."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import support
from tests.cli.ends import assert_proved, content
from tests.sandbox_parts import Quirks, Sandbox

# Few types, so that one transfer is a hundred steps and every one of them can be the last.
TYPES = (
    "Patient", "Condition", "Immunization", "Encounter", "Organization", "Practitioner", "Location",
    "ServiceRequest", "Task", "Composition", "Provenance", "Device", "PractitionerRole", "Consent",
)  # fmt: skip
QUIRKS = Quirks(types=frozenset(TYPES))
STRIDE = support.stride(41, 2)
PARTS = 1 if STRIDE == 41 else 4


@pytest.fixture
def small(tmp_path: Path) -> Iterator[support.World]:
    folder = tmp_path / "world"
    folder.mkdir()
    with support.world(folder, source={"quirks": QUIRKS}) as world:
        yield world
        world.destination.close()


def fresh(world: support.World, number: int) -> Path:
    """An empty folder and an empty destination for each kill."""
    world.folder = world.folder.parent / f"kill-{number}"
    world.folder.mkdir()
    world.destination.close()
    world.destination = Sandbox(quirks=QUIRKS)
    world.destination_url = world.destination.base_url
    world.configure(destination='bundle = { kind = "transaction", max_entries = 15 }')
    return world.request(scope="whole-chart")


# In parts, so that they can run side by side.
@pytest.mark.sweep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_any_step_may_be_the_last(small: support.World, part: int) -> None:
    request = fresh(small, 0)
    log = small.folder / "steps"
    assert small.cli("transfer", request, log=str(log)).code == 3
    whole = content(small)
    assert max(whole.values()) == 1
    assert sum('"active"' in text and '"ServiceRequest"' in text for text in whole) == 1
    steps = log.read_text().split()
    assert {step.split(":")[0] for step in steps} == set(support.STEPS)

    for number, step in enumerate(steps[::STRIDE][part::PARTS], 1):
        request = fresh(small, number)
        assert small.cli("transfer", request, failpoint=step).code == 137, step
        ran = small.cli("transfer", request, "--json")
        assert ran.json["state"] == "verified", (step, ran)
        assert content(small) == whole, step
        assert_proved(small, Path(ran.json["receipt"]), step)
