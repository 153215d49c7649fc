"""The disclosure log: whatever is done to its rows without the key is found."""

import multiprocessing
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.store.audit.disclosures import Anchor, Disclosure
from connector.store.ledger.ledger import Ledger
from connector.store.ledger.tables import SCHEMA_VERSION

HANDLE, OTHER = "0123456789ab", "ba9876543210"
CONTEXT = multiprocessing.get_context("forkserver")
TOLD = Disclosure(
    event="deliver",
    outcome="attempted",
    operator="records-office",
    approver="Dr Roe",
    patient="source Patient/1",
    destination_id="99999999-2222-4333-8444-555555555555",
    basis="treatment",
    document=None,
    resources=3,
)


def opened(folder: Path) -> Ledger:
    return Ledger(f"sqlite:///{folder / 'ledger.db'}", folder / "ledger.key")


def filled(folder: Path, number: int = 5) -> Ledger:
    """A ledger with `number` rows, of two cases in turn."""
    ledger = opened(folder)
    fences = {handle: ledger.take(handle, "s", "d", "2026-12-01") for handle in (HANDLE, OTHER)}
    for write in range(1, number + 1):
        handle = (HANDLE, OTHER)[write % 2]
        ledger.intend(
            handle, fences[handle], write, "POST", "00", 1, replace(TOLD, resources=write)
        )
    return ledger


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "ledger.db")) as db, db:
        for statement in statements:
            db.execute(statement)


def test_a_row_follows_a_row(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    rows = ledger.disclosures()
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5]
    assert [row.previous for row in rows] == ["0" * 64, *(row.hash for row in rows[:-1])]
    assert ledger.check_disclosures() == (5, None)
    assert ledger.disclosure_head() == Anchor(5, rows[-1].hash, "the ledger")


def test_rows_of_one_case_and_those_after_another(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    assert [row.seq for row in ledger.disclosures(HANDLE)] == [2, 4]
    assert [row.seq for row in ledger.disclosures(OTHER, after=1)] == [3, 5]
    assert ledger.disclosures("ffffffffffff") == []
    assert set(ledger.case_names().values()) == {HANDLE, OTHER}


def test_an_outcome_is_told_once_until_something_else_happens(tmp_path: Path) -> None:
    ledger = filled(tmp_path, 2)
    fence = ledger.take(HANDLE, "s", "d", "2026-12-01")
    arrived = replace(TOLD, event="announce", outcome="verified", resources=9)
    ledger.disclosed(HANDLE, fence, arrived)
    ledger.disclosed(HANDLE, fence, arrived)
    ledger.disclosed(HANDLE, fence, replace(arrived, outcome="differs"))
    ledger.disclosed(HANDLE, fence, arrived)
    told = [(row.event, row.outcome) for row in ledger.disclosures(HANDLE)]
    assert told[1:] == [("announce", o) for o in ("verified", "differs", "verified")]


TAMPERED: dict[str, tuple[list[str], tuple[int, str]]] = {
    "changed": (["UPDATE ledger_disclosure SET resources = 1 WHERE seq = 3"], (3, "changed")),
    "nulled": (["UPDATE ledger_disclosure SET approver = NULL WHERE seq = 3"], (3, "changed")),
    "removed": (["DELETE FROM ledger_disclosure WHERE seq = 3"], (3, "removed")),
    "the first removed": (["DELETE FROM ledger_disclosure WHERE seq = 1"], (1, "removed")),
    "removed and renumbered": (
        ["DELETE FROM ledger_disclosure WHERE seq = 3"]
        + [f"UPDATE ledger_disclosure SET seq = {n - 1} WHERE seq = {n}" for n in (4, 5)],
        (3, "moved"),
    ),
    "reordered": (
        [
            f"UPDATE ledger_disclosure SET seq = {to} WHERE seq = {n}"
            for n, to in ((2, 9), (3, 2), (9, 3))
        ],
        (2, "moved"),
    ),
    "cut off": (["DELETE FROM ledger_disclosure WHERE seq > 3"], (4, "cut")),
    "all removed": (["DELETE FROM ledger_disclosure"], (1, "cut")),
    "the head forgotten": (["DELETE FROM ledger_disclosure_head"], (1, "added")),
    "the head set back": (
        [
            "UPDATE ledger_disclosure_head SET seq = 3, hash ="
            " (SELECT hash FROM ledger_disclosure WHERE seq = 3)"
        ],
        (4, "added"),
    ),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_the_first_place_that_does_not_hold_is_told(tmp_path: Path, how: str) -> None:
    filled(tmp_path).close()
    statements, expected = TAMPERED[how]
    change(tmp_path, *statements)
    _, broken = opened(tmp_path).check_disclosures()
    assert broken is not None
    assert (broken.seq, broken.kind) == expected


def test_a_cut_with_the_head_set_back_is_found_by_who_remembers(tmp_path: Path) -> None:
    ledger = filled(tmp_path)
    last = replace(ledger.disclosure_head(), where="receipt.json")
    ledger.close()
    change(
        tmp_path, "DELETE FROM ledger_disclosure WHERE seq > 3", TAMPERED["the head set back"][0][0]
    )
    ledger = opened(tmp_path)
    assert ledger.check_disclosures() == (3, None)  # the limit: docs/proof.md
    _, broken = ledger.check_disclosures([last])
    assert broken is not None
    assert (broken.seq, broken.kind) == (4, "cut")
    assert "receipt.json knows row 5" in broken.why
    # Rows written since in the place of those that were cut off are other rows.
    fence = ledger.take(HANDLE, "s", "d", "2026-12-01")
    for write in (11, 12):
        ledger.intend(HANDLE, fence, write, "POST", "00", 1, TOLD)
    _, broken = ledger.check_disclosures([last])
    assert broken is not None
    assert (broken.seq, broken.kind) == (5, "changed")


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_changed_cell_is_found(tmp_path_factory: Any, data: st.DataObject) -> None:
    folder: Path = tmp_path_factory.mktemp("log")
    filled(folder, 3).close()
    with closing(sqlite3.connect(folder / "ledger.db")) as db, db:
        cursor = db.execute("SELECT * FROM ledger_disclosure ORDER BY seq")
        names = [column[0] for column in cursor.description]
        cells = cursor.fetchall()
        seq = data.draw(st.integers(1, 3), "row")
        place = data.draw(st.integers(0, len(names) - 1), "column")
        old = cells[seq - 1][place]
        value = st.integers(0, 9) if isinstance(old, int) else st.one_of(st.none(), st.text())
        new = data.draw(value.filter(lambda v: v != old), "value")
        try:
            db.execute(f"UPDATE ledger_disclosure SET {names[place]} = ? WHERE seq = ?", (new, seq))
        except sqlite3.IntegrityError:
            return  # the database itself refused
    ledger = opened(folder)
    assert ledger.check_disclosures()[1] is not None
    ledger.close()


def child(folder: str, handle: str, number: int) -> None:
    ledger = opened(Path(folder))
    fence = ledger.take(handle, "s", "d", "2026-12-01")
    for write in range(1, number + 1):
        ledger.intend(handle, fence, write, "POST", "00", 1, TOLD)


def test_processes_that_append_at_once_make_one_line(tmp_path: Path) -> None:
    CONTEXT.set_forkserver_preload(["connector.store.ledger.ledger"])
    handles = [f"{number:012x}" for number in range(4)]
    running = [CONTEXT.Process(target=child, args=(str(tmp_path), h, 15)) for h in handles]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0] * 4
    assert opened(tmp_path).check_disclosures() == (60, None)


def test_an_older_ledger_is_brought_up(tmp_path: Path) -> None:
    ledger = filled(tmp_path, 1)
    cases = ledger.cases()
    ledger.close()
    change(
        tmp_path,
        "DROP TABLE ledger_disclosure",
        "DROP TABLE ledger_disclosure_head",
        "UPDATE ledger_schema SET version = 1",
    )
    ledger = opened(tmp_path)
    assert ledger.cases() == cases
    assert ledger.check_disclosures() == (0, None)
    ledger.disclosed(HANDLE, cases[0].fence, TOLD)
    assert ledger.check_disclosures() == (1, None)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        assert db.execute("SELECT version FROM ledger_schema").fetchall() == [(SCHEMA_VERSION,)]


def test_an_intent_and_its_row_are_one_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = filled(tmp_path, 1)
    fail: Callable[..., None] = lambda *_: (_ for _ in ()).throw(RuntimeError)  # noqa: E731
    monkeypatch.setattr("connector.store.ledger.ledger.disclosures.append", fail)
    fence = ledger.take(HANDLE, "s", "d", "2026-12-01")
    with pytest.raises(RuntimeError):
        ledger.intend(HANDLE, fence, 7, "POST", "00", 1, TOLD)
    assert ledger.next_write_no(HANDLE) == 1
    assert ledger.check_disclosures() == (1, None)
