"""Killed before and after every commit, send and receive, then run again: the same end state."""

import multiprocessing
import os
from collections import Counter
from pathlib import Path

import pytest

from connector.failpoint import EXIT_KILLED, arm
from connector.store.audit import audit_ndjson
from connector.store.ledger.ledger import Ledger
from tests import support
from tests.push.conftest import dangling, doubled, one, writes
from tests.push.packets import HANDLE, chart, open_session, push_all, put_packet
from tests.push.records.test_deliver import circle
from tests.sandbox_parts import Sandbox

CONTEXT = multiprocessing.get_context("forkserver")


# Write strategy and way of each sweep, and which of its steps: every one of the usual way.
SWEEPS = [
    ("conditional", "transaction", support.stride(29, 3)),
    ("put", "transaction", support.stride(61, 11)),
    ("create", "transaction", support.stride(61, 11)),
    ("conditional", "batch", support.stride(61, 17)),
    ("conditional", "single", support.stride(97, 23)),
]


def child(folder: str, url: str, write: str, way: str, failpoint: str, log: str) -> None:
    """One push in a process of its own, which dies where it is told."""
    arm("")
    session = open_session(
        Path(folder), url, write=write, way=way, bundle={"max_entries": 4}, connections=1
    )
    if session.case.state.packet_hash is None:
        put_packet(
            session.case, [*circle(5), *chart(1)]
        )  # a circle that does not fit into one write
    arm(failpoint, log)
    push_all(session)
    os._exit(0)


def run(
    folder: Path, url: str, write: str, way: str, failpoint: str = "", log: str = ""
) -> int | None:
    CONTEXT.set_forkserver_preload(["tests.push.packets", "tests.push.test_crash"])
    process = CONTEXT.Process(target=child, args=(str(folder), url, write, way, failpoint, log))
    process.start()
    process.join(60)
    return process.exitcode


def stands(sandbox: Sandbox) -> Counter[tuple[str, str | None, str]]:
    return Counter(
        (r["resourceType"], r.get("status"), r["meta"]["versionId"]) for r in sandbox.resources()
    )


@pytest.mark.sweep
@pytest.mark.parametrize(("write", "way", "stride"), SWEEPS)
def test_killed_anywhere_and_run_again(tmp_path: Path, write: str, way: str, stride: int) -> None:
    log = tmp_path / "steps"
    with Sandbox() as sandbox:
        assert run(tmp_path / "whole", sandbox.base_url, write, way, log=str(log)) == 0
        whole, needed = stands(sandbox), writes(sandbox)
    steps = log.read_text().split()
    assert {step.rpartition(":")[0] for step in steps} == set(support.STEPS)
    for step in steps[::stride]:
        folder = tmp_path / step.replace(":", "-")
        with Sandbox() as sandbox:
            assert run(folder, sandbox.base_url, write, way, step) == EXIT_KILLED, step
            assert run(folder, sandbox.base_url, write, way) == 0, step
            assert stands(sandbox) == whole, step
            assert writes(sandbox) == needed, step  # what was unclear was read, not sent again
            assert doubled(sandbox) == [], step
            assert dangling(sandbox) == set(), step
            assert one(sandbox, "Task")["status"] == "requested", step
            assert_told(folder)


def assert_told(folder: Path) -> None:
    """The log holds, and audit.ndjson tells of each of its rows once."""
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}", folder / "ledger.key")
    rows = ledger.disclosures(HANDLE)
    told = audit_ndjson.anchors(folder / HANDLE)
    assert [(row.seq, row.hash) for row in rows] == [(event.seq, event.hash) for event in told]
    assert ledger.check_disclosures(told) == (len(rows), None)
    ledger.close()
