"""Killed before and after every commit, send and receive, then run again: the same end state."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.fhir import systems
from connector.push import seal
from connector.sandbox import Quirks, Sandbox
from connector.store import anchors
from connector.store.ledger import Ledger
from tests import support

# Few types, so that one transfer is a hundred steps and every one of them can be the last. With
# CONNECTOR_EVERY_STEP=1 none is skipped; otherwise every seventh.
TYPES = (
    "Patient", "Condition", "Immunization", "Encounter", "Organization", "Practitioner", "Location",
    "ServiceRequest", "Task", "Composition", "Provenance", "Device", "PractitionerRole",
)  # fmt: skip
QUIRKS = Quirks(types=frozenset(TYPES))
STRIDE = 1 if os.environ.get("CONNECTOR_EVERY_STEP") else 7
PARTS = 4


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


def content(world: support.World) -> Counter[str]:
    """What stands at the destination, without what differs between two servers: ids and times."""
    ids: dict[str, str] = {}
    for resource in world.there():
        for tag in resource.get("meta", {}).get("tag", []):
            if tag["system"] == systems.TAG:
                ids[f"{resource['resourceType']}/{resource['id']}"] = tag["code"]
    text = Counter[str]()
    for resource in world.there():
        name = ids.get(f"{resource['resourceType']}/{resource['id']}", "untagged")
        body = {k: v for k, v in resource.items() if k not in ("id", "meta")}
        text[json.dumps([name, named(body, ids)], sort_keys=True, default=str)] += 1
    return text


def named(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            k: ids.get(v, v) if k == "reference" and isinstance(v, str) else named(v, ids)
            for k, v in value.items()
            if k not in ("authoredOn", "recorded", "date", "lastModified", "sent")
        }
    if isinstance(value, list):
        return [named(item, ids) for item in value]
    return value


def assert_proved(world: support.World, receipt: Path, step: str) -> None:
    """The receipt is whole; the log holds, is told in audit.ndjson, and ends once."""
    values = json.loads(receipt.read_bytes())
    assert values["digest"] == seal.digest(values), step
    remembered = list(anchors.of_store(world.store))
    ledger = Ledger(f"sqlite:///{world.store / 'ledger.db'}", world.store / "ledger.key")
    rows = ledger.disclosures()
    assert ledger.check_disclosures(remembered) == (len(rows), None), step
    ledger.close()
    assert len(remembered) == len(rows) + 1, step  # audit.ndjson has each of them once
    told = [(row.event, row.outcome) for row in rows]
    assert told.count(("announce", "verified")) == 1, step
    assert told[-1] == ("announce", "verified"), step


# In parts, so that they can run side by side.
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_any_step_may_be_the_last(small: support.World, part: int) -> None:
    request = fresh(small, 0)
    log = small.folder / "steps"
    assert small.forked("transfer", request, log=str(log)).code == 3
    whole = content(small)
    assert max(whole.values()) == 1
    assert sum('"active"' in text and '"ServiceRequest"' in text for text in whole) == 1
    steps = log.read_text().split()
    kinds = {step.split(":")[0] for step in steps}
    assert kinds == {
        "commit.before", "commit.after", "ledger.before", "ledger.after",
        "send.before", "receive.before", "receive.after",
    }  # fmt: skip

    for number, step in enumerate(steps[::STRIDE][part::PARTS], 1):
        request = fresh(small, number)
        assert small.forked("transfer", request, failpoint=step).code == 137, step
        ran = small.forked("transfer", request, "--json")
        assert ran.json["state"] == "verified", (step, ran)
        assert content(small) == whole, step
        assert_proved(small, Path(ran.json["receipt"]), step)
