"""An update killed before and after every commit, send and receive, then run again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.store.ledger.ledger import Ledger
from tests import support
from tests.cli.ends import content, unanswered
from tests.cli.test_killed import TYPES
from tests.sandbox_parts import Quirks, Sandbox

Resource = dict[str, Any]
STRIDE, PARTS = support.stride(41, 7), 2
QUIRKS = Quirks(types=frozenset({*TYPES, "Communication"}))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[support.World]:
    folder = tmp_path / "world"
    folder.mkdir()
    with support.world(folder, source={"quirks": QUIRKS}) as world:
        yield world
        world.destination.close()


def told(world: support.World, number: int, was: list[Resource]) -> Path:
    """A packet that arrived in an empty destination; they edited two records and deleted one.

    At the source, since: one record is new, four are corrected, one was entered in error. `was`:
    Immunizations as they were.
    """
    world.folder = world.folder.parent / f"kill-{number}"
    world.folder.mkdir()
    world.destination.close()
    world.destination = Sandbox(quirks=QUIRKS)
    world.destination_url = world.destination.base_url
    world.configure(destination='bundle = { kind = "transaction", max_entries = 15 }')
    for shot in was:
        world.source.put(shot)
    if any(shot["id"] == "new" for shot in world.source.resources("Immunization")):
        world.source.delete("Immunization/new")
    request = world.request(scope="whole-chart")
    assert world.cli("transfer", request).code == 3
    by_date = {shot["occurrenceDateTime"]: shot for shot in world.there("Immunization")}
    there = [by_date[shot["occurrenceDateTime"]] for shot in was]
    for shot in there[:2]:
        world.destination.put(shot | {"note": [{"text": "Not given here."}]})
    world.destination.delete(f"Immunization/{there[2]['id']}")
    for shot in (was[0], was[2], was[3]):
        world.source.put(shot | {"lotNumber": "4711"})
    world.source.put(was[1] | {"status": "entered-in-error"})
    world.source.put(was[0] | {"id": "new", "occurrenceDateTime": "2026-11-01"})
    return request


# In parts, so that they can run side by side.
@pytest.mark.deep
@pytest.mark.sweep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_any_step_of_an_update_may_be_the_last(small: support.World, part: int) -> None:
    shots = {shot["occurrenceDateTime"]: shot for shot in small.source.resources("Immunization")}
    was = list(shots.values())[:4]
    assert len(was) == 4
    request = told(small, 0, was)
    log = small.folder / "steps"
    assert small.cli("transfer", request, "--update", log=str(log)).code == 3
    whole = content(small, "Task")
    lots = [shot.get("lotNumber") for shot in small.there("Immunization")]
    assert lots.count("4711") == 3  # brought up to date, gone anew beside theirs, and again
    assert sum('"Communication"' in text and '"completed"' in text for text in whole) == 1
    steps = log.read_text().split()

    for number, step in enumerate(steps[::STRIDE][part::PARTS], 1):
        request = told(small, number, was)
        assert small.cli("transfer", request, "--update", failpoint=step).code == 137, step
        ran = small.cli("transfer", request, "--update", "--json")
        assert ran.json["state"] == "verified", (step, ran)
        assert content(small, "Task") == whole, step
        assert unanswered(small.store) == [], step
        ledger = Ledger(f"sqlite:///{small.store / 'ledger.db'}", small.store / "ledger.key")
        events = [(row.event, row.outcome) for row in ledger.disclosures()]
        ledger.close()
        assert events.count(("announce", "verified")) == 1, step
        assert events.count(("update", "verified")) == 1, step
        receipt = json.loads(Path(ran.json["receipt"]).read_bytes())
        assert receipt["update"] == 1, step
