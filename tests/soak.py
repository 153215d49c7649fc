"""Deliveries killed at random steps over a bad line: one packet each, nothing doubled or lost.

    python -m tests.soak --minutes 10
    python -m tests.soak --seed 4711        that round again

Each round has a destination of random manners, limits and write strategy, and faults that come and
go; some a record that is refused, or one too large for a write. The command is run, and killed,
until it ends well. What counts is what stands there then.
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.errors import ConnectorError
from connector.failpoint import EXIT_KILLED, arm
from connector.fhir.lossless import encode
from connector.push.evidence.receipt_check import check
from connector.store.ledger.ledger import Ledger
from tests import support
from tests.push.conftest import TRANSACTIONS, WHOLE, dangling, doubled, one
from tests.push.packets import HANDLE, chart, observation, open_session, push_all, put_packet
from tests.push.records.test_deliver import circle
from tests.push.wire.test_limits import letter
from tests.sandbox_parts import Fault, Quirks, Sandbox

RUNS_MAX = 60  # of one round: faults end, kills become fewer, so it has to end well before
REFUSED = "not taken here"
ANY_WRITE = r"/fhir/?$|/fhir/[A-Z]\w+/?$"
CONTEXT = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Parts:
    """What is in the packet beside a circle of five, one of itself and what goes with them."""

    records: int
    refused: bool
    large: bool

    def chart(self) -> list[dict[str, Any]]:
        made = [*circle(5), *circle_of_one(), *chart(self.records)]
        if self.refused:
            made.append(observation(90, extension=[{"url": "urn:x", "valueString": REFUSED}]))
        return [*made, letter(9_000, 9_000)] if self.large else made

    def there(self) -> dict[str, int]:
        """How many of each type are to stand there."""
        more = {"DocumentReference": 1, "Binary": 2} if self.large else {}
        return WHOLE | {"Observation": self.records + 6} | more


def child(folder: str, url: str, options: dict[str, Any], parts: Parts, failpoint: str) -> None:
    """One push in a process of its own. Exit code 0: it stands there; 3: try again."""
    arm("")
    session = open_session(Path(folder), url, connections=2, attempts=2, **options)
    if session.case.state.packet_hash is None:
        put_packet(session.case, parts.chart())
    arm(failpoint)
    try:
        proof = encode(push_all(session))
    except ConnectorError as error:
        sys.stderr.write(f"  {error}\n")
        os._exit(3)
    wrong = check(proof).wrong
    os._exit(4 if wrong else 0)


def circle_of_one() -> list[dict[str, Any]]:
    return [{**circle(1)[0], "id": "alone", "hasMember": [{"reference": "Observation/alone"}]}]


def fault(dice: random.Random) -> Fault:
    """A bad moment: for one to three writes or reads, some requests from now."""
    kind: Any = dice.choice(
        ["drop-before", "drop-after", "cut-body", "status", "status", "not-json"]
    )
    status = dice.choice([429, 500, 502, 503, 504, 409])
    target = dice.choice([TRANSACTIONS, ANY_WRITE, "_search", ""])
    method = None if target in ("_search", "") else "POST"
    times, skip = dice.randint(1, 3), dice.randint(0, 12)
    return Fault(kind, path=target, method=method, status=status, times=times, skip=skip)


def played(seed: int, folder: Path) -> Counter[str]:
    """One round. Returns how many runs, kills and faults there were; raises `AssertionError`."""
    dice = random.Random(seed)
    way = dice.choice(["transaction", "transaction", "batch", "single"])
    parts = Parts(dice.randint(1, 12), refused=dice.random() < 0.3, large=dice.random() < 0.3)
    seen = Counter[str]()
    quirks = Quirks(
        transactions=way == "transaction",
        batches=way != "single",
        atomic=dice.random() < 0.8,
        entry_limit=dice.choice([None, None, 6]),
        reject=REFUSED,
    )
    options = {
        "write": dice.choice(["conditional", "conditional", "put", "create"]),
        "bundle": {"max_entries": dice.randint(2, 20), "max_megabytes": 0.02},
    }
    with Sandbox(quirks=quirks) as sandbox:
        for number in range(1, RUNS_MAX + 1):
            sandbox.clear_faults()
            for _ in range(dice.randint(0, 3) if number < RUNS_MAX // 2 else 0):
                sandbox.add_fault(fault(dice))
                seen["faults"] += 1
            dies = number < RUNS_MAX // 2 and dice.random() < 0.8
            step = f"{dice.choice(support.STEPS)}:{dice.randint(1, 30)}" if dies else ""
            process = CONTEXT.Process(
                target=child, args=(str(folder), sandbox.base_url, options, parts, step)
            )
            process.start()
            process.join(120)
            assert process.exitcode is not None, "a run did not end"
            assert process.exitcode != 4, "a receipt does not hold"
            seen["runs"] += 1
            seen["kills"] += process.exitcode == EXIT_KILLED
            if process.exitcode == 0:
                break
        assert process.exitcode == 0, "no run ended well"
        assert_whole(sandbox, parts)
    assert_told(folder)
    return seen


def assert_whole(sandbox: Sandbox, parts: Parts) -> None:
    kinds = Counter(resource["resourceType"] for resource in sandbox.resources())
    assert kinds == parts.there(), kinds
    assert doubled(sandbox) == [], "doubled"
    assert dangling(sandbox) == set(), "dangling"
    assert one(sandbox, "ServiceRequest")["status"] == "active"
    assert one(sandbox, "Task")["status"] == "requested"
    members = [m for r in sandbox.resources("Observation") for m in r.get("hasMember", [])]
    assert len(members) == 6
    assert all("reference" in member for member in members), "a circle is open"


def assert_told(folder: Path) -> None:
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}", folder / "ledger.key")
    rows = ledger.disclosures(HANDLE)
    assert ledger.check_disclosures() == (len(rows), None)
    ledger.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, help="one round, again")
    asked = parser.parse_args()
    CONTEXT.set_forkserver_preload(["tests.push.packets"])
    until, rounds, seen = time.monotonic() + asked.minutes * 60, 0, Counter[str]()
    while rounds == 0 or (asked.seed is None and time.monotonic() < until):
        seed = asked.seed if asked.seed is not None else random.randrange(1 << 31)
        with tempfile.TemporaryDirectory() as folder:
            try:
                seen += played(seed, Path(folder))
            except BaseException:
                sys.stderr.write(f"round failed: python -m tests.soak --seed {seed}\n")
                raise
        rounds += 1
    told = ", ".join(f"{seen[name]} {name}" for name in ("runs", "kills", "faults"))
    sys.stdout.write(f"{rounds} deliveries ({told}): each stands there once, announced\n")


if __name__ == "__main__":
    main()
