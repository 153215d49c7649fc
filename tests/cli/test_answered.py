"""Every write in the ledger is answered at the end, whatever happened on the way."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.cli.ends import unanswered
from tests.support import World

WORDS: dict[str, Any] = {
    "requester": {"organization": {"name": "Home"}, "telecom": {"phone": "1"}},
    "performer": {"organization": {"name": "Clinic"}, "telecom": {"phone": "2"}},
}


def kill_before_the_answer_is_kept(world: World) -> None:
    """What a run leaves that ends between an answer and the ledger: the writes stand open."""
    with closing(sqlite3.connect(world.store / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE ledger_write SET answered_at = NULL, status = NULL, outcome = NULL")
    assert unanswered(world.store)


def outcomes(world: World) -> set[str]:
    with closing(sqlite3.connect(world.store / "ledger.db")) as ledger:
        return {outcome for (outcome,) in ledger.execute("SELECT outcome FROM ledger_write")}


@pytest.mark.parametrize("command", ["transfer", "verify", "cancel", "recall"])
def test_what_a_killed_run_left_open_is_answered_by_the_next(world: World, command: str) -> None:
    request = world.request()
    assert world.cli("transfer", request).code in (0, 3)
    assert unanswered(world.store) == []
    kill_before_the_answer_is_kept(world)
    if command in ("cancel", "recall"):
        assert world.cli(command, request, stdin="the patient withdrew").code == 0
    else:
        assert world.cli(command, request).code in (0, 3)
    assert unanswered(world.store) == []
    assert "settled by reading" in outcomes(world)


def test_an_export_is_answered_and_one_that_broke_off_is_not_known(world: World) -> None:
    request = world.request(**WORDS)
    world.cli("map", request)
    assert world.cli("export", request, "-o", "a.zip").code == 3
    assert outcomes(world) == {"written"}
    kill_before_the_answer_is_kept(world)
    assert world.cli("export", request, "-o", "b.zip").code == 3
    assert outcomes(world) == {"not known", "written"}
