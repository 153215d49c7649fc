"""The ledger and its key belong together: neither is made anew while the other one is there."""

import multiprocessing
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connector.errors import UsageError
from connector.store.ledger.ledger import Ledger
from connector.store.ledger.tables import SCHEMA_VERSION
from tests.store.test_disclosures import filled, opened

CONTEXT = multiprocessing.get_context("forkserver")


def other_key(folder: Path) -> None:
    opened(folder / "elsewhere").close()
    (folder / "ledger.key").write_bytes((folder / "elsewhere" / "ledger.key").read_bytes())


def as_of_version_2(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "ledger.db")) as db, db:
        db.execute("DROP TABLE ledger_key")
        db.execute("UPDATE ledger_schema SET version = 2")


@pytest.mark.parametrize("rows", [0, 3])
def test_a_lost_key_is_not_replaced(tmp_path: Path, rows: int) -> None:
    filled(tmp_path, rows).close()
    key = (tmp_path / "ledger.key").read_bytes()
    (tmp_path / "ledger.key").unlink()
    with pytest.raises(UsageError, match=r"the ledger is there, and its key .* is not") as told:
        opened(tmp_path)
    assert "from the backup" in told.value.what_to_do
    assert {path.name for path in tmp_path.iterdir()} == {"ledger.db"}
    (tmp_path / "ledger.key").write_bytes(key)
    (tmp_path / "ledger.key").chmod(0o600)
    assert opened(tmp_path).check_disclosures() == (rows, None)


def test_another_key_is_told(tmp_path: Path) -> None:
    filled(tmp_path).close()
    other_key(tmp_path)
    with pytest.raises(UsageError, match="not the key that this ledger was written with"):
        opened(tmp_path)


def test_a_lost_ledger_is_not_replaced(tmp_path: Path) -> None:
    filled(tmp_path).close()
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()
    with pytest.raises(UsageError, match=r"the ledger is empty, and .* the key of an earlier one"):
        opened(tmp_path)
    with pytest.raises(UsageError, match="the ledger is empty"):  # told again: nothing was kept
        opened(tmp_path)
    (tmp_path / "ledger.key").unlink()  # the way to begin anew, as the documentation has it
    assert opened(tmp_path).disclosures() == []


def test_an_older_ledger_learns_its_key(tmp_path: Path) -> None:
    filled(tmp_path).close()
    as_of_version_2(tmp_path)
    assert opened(tmp_path).check_disclosures() == (5, None)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        assert db.execute("SELECT version FROM ledger_schema").fetchall() == [(SCHEMA_VERSION,)]
    other_key(tmp_path)
    with pytest.raises(UsageError, match="not the key"):
        opened(tmp_path)


def test_an_older_ledger_with_another_key_is_told(tmp_path: Path) -> None:
    filled(tmp_path).close()
    as_of_version_2(tmp_path)
    other_key(tmp_path)
    with pytest.raises(UsageError, match="not the key"):
        opened(tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_key_that_others_may_read_is_told(tmp_path: Path, mode: int) -> None:
    filled(tmp_path).close()
    (tmp_path / "ledger.key").chmod(mode)
    with pytest.raises(UsageError, match="others than its owner") as told:
        opened(tmp_path)
    assert "chmod 600" in told.value.what_to_do
    (tmp_path / "ledger.key").chmod(0o400)  # less than ours is fine
    opened(tmp_path).close()


@pytest.mark.parametrize("known", [False, True])
def test_a_crash_between_key_and_ledger_is_no_loss(tmp_path: Path, known: bool) -> None:
    """The key was made, and the process ended before or just after the ledger knew it."""
    opened(tmp_path).close()
    (tmp_path / "ledger.key").rename(tmp_path / "ledger.key.new")
    kept = (tmp_path / "ledger.key.new").read_bytes()
    if not known:
        for path in tmp_path.glob("ledger.db*"):
            path.unlink()
    opened(tmp_path).close()
    assert (tmp_path / "ledger.key").read_bytes() == kept
    assert not (tmp_path / "ledger.key.new").exists()
    opened(tmp_path).close()


def _open(folder: Path) -> str:
    ledger = opened(folder)
    try:
        return ledger.keyed("x")
    finally:
        ledger.close()


def test_processes_that_begin_at_once_have_one_key(tmp_path: Path) -> None:
    for number in range(3):
        folder = tmp_path / str(number)
        with CONTEXT.Pool(6) as pool:
            assert len(set(pool.map(_open, [folder] * 6, chunksize=1))) == 1


def test_nothing_of_the_key_stands_in_the_ledger(tmp_path: Path) -> None:
    ledger: Ledger = filled(tmp_path)
    ledger.close()
    key = (tmp_path / "ledger.key").read_bytes().strip()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    assert key not in kept
    assert bytes.fromhex(key.decode()) not in kept
