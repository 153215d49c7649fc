"""The ledger: one writer per case, and nothing in it that could be matched with a patient."""

import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pytest
from sqlalchemy.exc import SQLAlchemyError

from connector.errors import ConnectorError, LockHeld, UsageError
from connector.fhir.lossless import sha256
from connector.store.audit.disclosures import Disclosure
from connector.store.ledger.ledger import Ledger

HANDLE, OTHER = "0123456789ab", "ba9876543210"
SOURCE, DESTINATION = str(uuid5(NAMESPACE_URL, "s")), str(uuid5(NAMESPACE_URL, "d"))
DUE = "2026-12-01"
CONTENT = sha256(b"what was sent")
TOLD = Disclosure(
    event="deliver",
    outcome="attempted",
    operator="records-office",
    approver=None,
    patient="patient-CANARY",
    destination_id=DESTINATION,
    basis="patient-authorization",
    document="document-CANARY",
    resources=150,
)


def opened(folder: Path) -> Ledger:
    return Ledger(f"sqlite:///{folder / 'ledger.db'}", folder / "ledger.key")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = opened(tmp_path)
    yield ledger
    ledger.close()


def take(ledger: Ledger, handle: str = HANDLE, due: str = DUE) -> int:
    return ledger.take(handle, SOURCE, DESTINATION, due)


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        return db.execute(sql).fetchall()


def test_each_taking_has_a_higher_number(ledger: Ledger, tmp_path: Path) -> None:
    assert [take(ledger), take(ledger)] == [1, 2]
    assert take(ledger, OTHER) == 1
    ledger.close()
    assert take(opened(tmp_path)) == 3


OVERTAKEN: dict[str, Callable[[Ledger, int], None]] = {
    "intend": lambda ledger, fence: ledger.intend(HANDLE, fence, 1, "POST", CONTENT, 1, TOLD),
    "set_state": lambda ledger, fence: ledger.set_state(HANDLE, fence, "verified", 0),
}


@pytest.mark.parametrize("step", OVERTAKEN)
def test_an_overtaken_writer_can_do_nothing_more(tmp_path: Path, step: str) -> None:
    paused, awake = opened(tmp_path), opened(tmp_path)
    old, new = take(paused), take(awake)
    before = awake.cases()
    with pytest.raises(LockHeld):
        OVERTAKEN[step](paused, old)
    assert awake.cases() == before
    assert rows(tmp_path, "SELECT * FROM ledger_write") == []
    OVERTAKEN[step](awake, new)


@pytest.mark.parametrize("step", OVERTAKEN)
def test_nor_can_somebody_who_never_took_the_case(ledger: Ledger, step: str) -> None:
    for fence in (0, 1):
        with pytest.raises(LockHeld):
            OVERTAKEN[step](ledger, fence)


def test_a_write_is_kept_with_its_answer(ledger: Ledger, tmp_path: Path) -> None:
    fence = take(ledger)
    assert ledger.next_write_no(HANDLE) == 1
    ledger.intend(HANDLE, fence, 1, "POST", CONTENT, 150, TOLD)
    sql = "SELECT method, entries, fence, status, outcome, answered_at FROM ledger_write"
    assert rows(tmp_path, sql) == [("POST", 150, 1, None, None, None)]
    ledger.answer(HANDLE, 1, 200, "done")
    (row,) = rows(tmp_path, sql)
    assert row[3:5] == (200, "done")
    assert row[5] is not None
    assert ledger.next_write_no(HANDLE) == 2
    assert ledger.next_write_no(OTHER) == 1


def test_an_intent_that_is_said_again_has_no_answer_yet(ledger: Ledger, tmp_path: Path) -> None:
    fence = take(ledger)
    ledger.intend(HANDLE, fence, 1, "POST", CONTENT, 1, TOLD)
    ledger.answer(HANDLE, 1, 503, "unclear")
    ledger.intend(HANDLE, fence, 1, "PUT", CONTENT, 2, TOLD)
    sql = "SELECT method, entries, status, outcome FROM ledger_write"
    assert rows(tmp_path, sql) == [("PUT", 2, None, None)]


def test_states_are_kept_per_case(ledger: Ledger) -> None:
    fence = take(ledger)
    take(ledger, OTHER)
    ledger.set_state(HANDLE, fence, "verified", 3)
    assert {row.handle: (row.state, row.exit_code) for row in ledger.cases()} == {
        HANDLE: ("verified", 3),
        OTHER: ("opened", 4),
    }


def test_the_nearest_need_comes_first_wherever_its_clock_stands(ledger: Ledger) -> None:
    dues = [
        "2026-12-01T23:00:00-08:00",  # 2 December, 07:00 UTC
        "2026-12-02T00:00:00+00:00",
        "2026-12-01",  # until its end: 2 December, 00:00 UTC
        "2026-12-02T00:30:00+02:00",  # 1 December, 22:30 UTC
    ]
    for number, due in enumerate(dues):
        take(ledger, f"{number:012x}", due)
    assert [int(row.handle, 16) for row in ledger.cases()] == [3, 1, 2, 0]
    take(ledger, f"{0:012x}", "2026-01-01")  # an edited request
    assert int(ledger.cases()[0].handle, 16) == 0


def test_nothing_plain_stands_in_the_file(ledger: Ledger, tmp_path: Path) -> None:
    fence = take(ledger)
    ledger.intend(HANDLE, fence, 1, "POST", CONTENT, 1, TOLD)
    key = (tmp_path / "ledger.key").read_text().strip()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    assert HANDLE.encode() in kept
    assert ledger.keyed(CONTENT).encode() in kept
    secret = (CONTENT.encode(), bytes.fromhex(CONTENT), key.encode(), bytes.fromhex(key), b"CANARY")
    assert not any(plain in kept for plain in secret)


def test_hashes_depend_on_the_key(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "one"), opened(tmp_path / "other")
    assert one.keyed("x") == opened(tmp_path / "one").keyed("x")
    assert one.keyed("x") != other.keyed("x")
    assert one.keyed("x") != one.keyed("y")


def test_only_the_owner_can_read_them(ledger: Ledger, tmp_path: Path) -> None:
    take(ledger)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert {"ledger.db", "ledger.key"} <= set(modes)
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("text", ["", "\n", "00ff", "no hex", "é"])
def test_a_key_that_is_none_is_refused(ledger: Ledger, tmp_path: Path, text: str) -> None:
    ledger.close()
    (tmp_path / "ledger.key").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="not the ledger's key"):
        opened(tmp_path)
    assert (tmp_path / "ledger.key").read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "url", ["nonsense", "oracle+nothing://x", "sqlite://", "sqlite:///:memory:"]
)
def test_a_url_that_will_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"\[ledger\] url"):
        Ledger(url, tmp_path / "ledger.key")
    assert not list(tmp_path.glob("sqlite*"))


def test_the_driver_may_be_named(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite+pysqlite:///{tmp_path}/sub/ledger.db", tmp_path / "ledger.key")
    assert take(ledger) == 1
    assert (tmp_path / "sub" / "ledger.db").stat().st_mode & 0o777 == 0o600


def test_a_newer_ledger_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db, db:
        db.execute("UPDATE ledger_schema SET version = 99")
    with pytest.raises(UsageError, match="schema 99"):
        opened(tmp_path)


def test_an_error_tells_the_drivers_words_only(ledger: Ledger, tmp_path: Path) -> None:
    fence = take(ledger)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db, db:
        db.execute("DROP TABLE ledger_write")
    with pytest.raises(ConnectorError, match="no such table: ledger_write") as caught:
        ledger.intend(HANDLE, fence, 1, "POST", CONTENT, 1, TOLD)
    told = "".join(traceback.format_exception(caught.value))
    assert HANDLE not in told
    assert ledger.keyed(CONTENT) not in told
    assert SQLAlchemyError.__name__ not in told
