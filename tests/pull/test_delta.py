"""A later pull asks only for what changed where the server can say so, and tells what differs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.store.case.casefile import CaseFile
from connector.store.pulled import earlier
from tests.pull.support import Pulled, condition, pull, small, source
from tests.sandbox_parts import Fault, Quirks, Sandbox

GOAL = {"resourceType": "Goal", "id": "g", "subject": {"reference": "Patient/pat"}}
MANY = (*(condition(f"c{n}") for n in range(30)), GOAL)
# Two days on, so that the day's guard does not cover everything the sandbox holds.
LATER = datetime.now(UTC) + timedelta(days=2)


def pull_again(folder: Path, server: Sandbox, since: datetime = LATER, **settings: Any) -> Pulled:
    with CaseFile.open(folder) as case, case.commit():
        earlier.begin_again(case, since.strftime("%Y-%m-%dT%H:%M:%SZ"))
        case.state.pull_complete = None
    server.requests.clear()
    return pull(folder, source(server.base_url, **settings), id="pat")


def changes(folder: Path) -> list[tuple[str, str, int]]:
    with CaseFile.open(folder) as case:
        return earlier.changes(case)


def asked(server: Sandbox, name: str) -> list[str]:
    return [r.query for r in server.requests if r.path.endswith(f"/{name}")]


def test_only_what_changed_is_asked_for(tmp_path: Path) -> None:
    with small(*MANY) as server:
        first = pull(tmp_path, source(server.base_url), id="pat")
        again = pull_again(tmp_path, server)
        assert all("_lastUpdated=ge" in q or "_elements=id" in q for q in asked(server, "Goal"))
    assert again.records == first.records
    assert changes(tmp_path) == []


def test_the_guard_of_a_day_is_kept(tmp_path: Path) -> None:
    with small(*MANY) as server:
        pull(tmp_path, source(server.base_url), id="pat")
        pull_again(tmp_path, server, datetime(2026, 11, 22, 10, 0, tzinfo=UTC))
        assert any("_lastUpdated=ge2026-11-21T10%3A00%3A00Z" in q for q in asked(server, "Goal"))


def correct(server: Sandbox) -> None:
    """One record new, one corrected, one gone."""
    server.put(condition("new"))
    server.put({**GOAL, "lifecycleStatus": "completed"})
    server.delete("Condition/c3")


DIFFERENT = [("Condition", "disappeared", 1), ("Condition", "new", 1), ("Goal", "corrected", 1)]


@pytest.mark.parametrize(
    ("quirks", "since"),
    [
        (Quirks(), datetime.now(UTC)),  # by what changed, then counted
        (Quirks(), LATER),  # the filter finds nothing: the count shows it for Condition alone
        (Quirks(ignores=frozenset({"_lastUpdated"})), LATER),
        (Quirks(software="Epic"), LATER),
    ],
)
def test_what_is_new_corrected_or_gone_is_told(
    tmp_path: Path, quirks: Quirks, since: datetime
) -> None:
    with small(*MANY, quirks=quirks) as server:
        pull(tmp_path, source(server.base_url), id="pat")
        correct(server)
        if quirks == Quirks() and since is LATER:
            server.delete("Condition/c4")
        pulled = pull_again(tmp_path, server, since)
        narrowed = [q for q in asked(server, "Condition") if "_lastUpdated" in q]
        assert bool(narrowed) == (quirks == Quirks())
    assert "Condition/c3" not in pulled.records
    assert "Condition/new" in pulled.records
    if quirks == Quirks() and since is LATER:
        assert ("Condition", "disappeared", 2) in changes(tmp_path)
    else:
        assert pulled.records["Goal/g"]["lifecycleStatus"] == "completed"
        assert changes(tmp_path) == DIFFERENT
    assert [gap for gap in pulled.gaps if gap.kind != "unsupported"] == []


@pytest.mark.parametrize("page_size", [200, 20])
def test_one_gone_and_one_unseen_do_not_cancel_out(tmp_path: Path, page_size: int) -> None:
    with small(*MANY[:9]) as server:
        pull(tmp_path, source(server.base_url, page_size=page_size), id="pat")
        server.delete("Condition/c3")
        server.put(condition("new"))
        pulled = pull_again(tmp_path, server, page_size=page_size)  # the filter finds nothing
    assert "Condition/c3" not in pulled.records
    assert changes(tmp_path) == [("Condition", "disappeared", 1), ("Condition", "new", 1)]


def test_what_was_not_had_is_not_called_gone(tmp_path: Path) -> None:
    with small(*MANY, quirks=Quirks(ignores=frozenset({"_lastUpdated"}))) as server:
        pull(tmp_path, source(server.base_url), id="pat")
        server.add_fault(Fault("status", path="/Goal", status=403))
        pulled = pull_again(tmp_path, server)
    assert pulled.gap("Goal").kind == "refused"
    assert changes(tmp_path) == []


def test_an_interrupted_second_pull_keeps_its_plan(tmp_path: Path) -> None:
    with small(*MANY) as server:
        pull(tmp_path, source(server.base_url), id="pat")
        correct(server)
        server.add_fault(Fault("status", path="/Goal", status=500))
        pull_again(tmp_path, server, datetime.now(UTC))
        server.clear_faults()
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.gaps == []
    assert changes(tmp_path) == DIFFERENT
