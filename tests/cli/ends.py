"""How a transfer ended: what stands at the destination, what the receipt and the log say of it."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from connector.fhir import systems
from connector.push.evidence import receipt_digest
from connector.store.audit import anchors
from connector.store.ledger.ledger import Ledger
from tests import support


def content(world: support.World, *timed: str) -> Counter[str]:
    """What stands at the destination, without what differs between two servers: ids and times.

    The version is told: one that is higher was written once more than it had to be. Not of the
    types `timed`, of which two writes may differ in their time alone, or not even in that.
    """
    ids: dict[str, str] = {}
    for resource in world.there():
        for tag in resource.get("meta", {}).get("tag", []):
            if tag["system"] == systems.TAG:
                ids[f"{resource['resourceType']}/{resource['id']}"] = tag["code"]
    text = Counter[str]()
    for resource in world.there():
        name = ids.get(f"{resource['resourceType']}/{resource['id']}", "untagged")
        body = {k: v for k, v in resource.items() if k not in ("id", "meta")}
        version = "" if resource["resourceType"] in timed else resource["meta"]["versionId"]
        told = [name, version, named(body, ids)]
        text[json.dumps(told, sort_keys=True, default=str)] += 1
    return text


def named(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            k: ids.get(v, v) if k in ("reference", "url") and isinstance(v, str) else named(v, ids)
            for k, v in value.items()
            if k not in ("authoredOn", "recorded", "date", "lastModified", "sent")
        }
    if isinstance(value, list):
        return [named(item, ids) for item in value]
    return value


def unanswered(store: Path) -> list[tuple[int, str]]:
    """Number and method of the writes in the ledger of which nobody said what became of them."""
    with closing(sqlite3.connect(store / "ledger.db")) as ledger:
        rows = ledger.execute("SELECT write_no, method FROM ledger_write WHERE outcome IS NULL")
        return rows.fetchall()


def assert_proved(
    world: support.World, receipt: Path, step: str, outcome: str = "verified"
) -> None:
    """No write is open; the receipt is whole; the log is told in audit.ndjson, and ends once."""
    assert unanswered(world.store) == [], step
    values = json.loads(receipt.read_bytes())
    assert values["digest"] == receipt_digest.digest(values), step
    remembered = list(anchors.of_store(world.store))
    ledger = Ledger(f"sqlite:///{world.store / 'ledger.db'}", world.store / "ledger.key")
    rows = ledger.disclosures()
    assert ledger.check_disclosures(remembered) == (len(rows), None), step
    ledger.close()
    assert len(remembered) == len(rows) + 1, step  # audit.ndjson has each of them once
    told = [(row.event, row.outcome) for row in rows]
    assert told.count(("announce", outcome)) == 1, step
    assert told[-1] == ("announce", outcome), step
