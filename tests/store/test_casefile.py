"""The case file: whole steps or none, for its owner only, and never in a message."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connector.errors import ConnectorError, UsageError
from connector.failpoint import EXIT_KILLED
from connector.store.case.casefile import CaseFile
from connector.store.case.schema import SCHEMA_VERSION
from connector.store.private import write_private

CANARY = "Zanzibar-8812"


@pytest.fixture
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("_open_umask")
def test_only_the_owner_can_read_a_case(tmp_path: Path) -> None:
    folder = tmp_path / "cases" / "one"
    with CaseFile.open(folder) as case:
        case.state.request_file = CANARY
        write_private(folder / "packet.json", b"{}")
        assert mode(folder) == 0o700
        files = {path.name: mode(path) for path in folder.iterdir()}
    assert {"case.db", "packet.json"} <= set(files)
    assert set(files.values()) == {0o600}


def test_values_are_kept_and_forgotten(tmp_path: Path) -> None:
    with CaseFile.open(tmp_path) as case:
        case.state.request = {"x": [1, None, "é"]}
        case.state.fence = 1
        case.state.fence = None
    with CaseFile.open(tmp_path) as case:
        assert case.state.request == {"x": [1, None, "é"]}
        assert case.state.fence is None
        assert case.state.revision == 0


def test_a_step_that_breaks_leaves_nothing(case: CaseFile) -> None:
    def step() -> None:
        with case.commit():
            case.state.packet_hash = "2"
            case.state.as_of = "2"
            raise KeyError

    case.state.packet_hash = "1"
    with pytest.raises(KeyError):
        step()
    assert (case.state.packet_hash, case.state.as_of) == ("1", None)
    case.state.as_of = "3"
    assert case.state.as_of == "3"


def test_a_step_inside_a_step_is_part_of_it(case: CaseFile) -> None:
    def step() -> None:
        with case.commit():
            with case.commit():
                case.state.fence = 1
            raise KeyError

    with pytest.raises(KeyError):
        step()
    assert case.state.fence is None
    with case.commit(), case.commit():
        case.state.fence = 2
    assert case.state.fence == 2


def test_nobody_else_sees_half_a_step(case: CaseFile) -> None:
    with CaseFile.open(case.folder) as other:
        with case.commit():
            case.state.packet_hash = "1"
            assert other.state.packet_hash is None
        assert other.state.packet_hash == "1"


@pytest.mark.parametrize(("step", "kept"), [("commit.before", None), ("commit.after", "1")])
def test_a_killed_process_leaves_the_whole_step_or_nothing(
    tmp_path: Path, step: str, kept: str | None
) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from connector.store.case.casefile import CaseFile\n"
        "case = CaseFile.open(Path(sys.argv[1]))\n"
        "with case.commit():\n"
        "    case.state.packet_hash = '1'\n"
        "    case.state.as_of = '1'\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        env={**os.environ, "CONNECTOR_FAILPOINT": f"{step}:1"},
        check=False,
    )
    assert ended.returncode == EXIT_KILLED
    with CaseFile.open(tmp_path) as case:
        assert (case.state.packet_hash, case.state.as_of) == (kept, kept)


def test_threads_take_turns(case: CaseFile) -> None:
    def count_up(_: int) -> None:
        for _ in range(20):
            with case.commit():
                case.state.revision = case.state.revision + 1

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count_up, range(4)))
    assert case.state.revision == 80


def test_a_thread_waits_for_the_step_of_another(case: CaseFile) -> None:
    seen: list[str | None] = []
    reader = threading.Thread(target=lambda: seen.append(case.state.packet_hash))
    with case.commit():
        case.state.packet_hash = "1"
        reader.start()
        case.state.packet_hash = "2"
    reader.join()
    assert seen == ["2"]


def test_several_processes_may_open_a_new_case_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from connector.store.case.casefile import CaseFile\n"
        "print(flush=True); sys.stdin.readline()\n"
        "CaseFile.open(Path(sys.argv[1])).state.revision = int(sys.argv[2])\n"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program, tmp_path, str(n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in (1, 2, 3)
    ]
    for run in runs:
        assert run.stdout is not None
        run.stdout.readline()
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("\n")
        run.stdin.flush()
    for run in runs:
        run.communicate()
    assert [run.returncode for run in runs] == [0, 0, 0]
    with CaseFile.open(tmp_path) as case:
        assert case.state.revision in (1, 2, 3)


def test_rows_may_be_written_while_others_are_read(case: CaseFile) -> None:
    with case.commit():
        case.executemany("INSERT INTO state VALUES (?, '0')", ((str(n),) for n in range(500)))
    seen = 0
    for _ in case.stream("SELECT name FROM state ORDER BY name"):
        if seen % 50 == 0:
            case.execute("UPDATE state SET value = '1' WHERE name = ?", (str(seen),))
        seen += 1
    assert seen == 500


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    CaseFile.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "case.db") as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(UsageError, match=f"schema {SCHEMA_VERSION + 1}"):
        CaseFile.open(tmp_path)


def test_a_file_that_is_no_case_is_refused(tmp_path: Path) -> None:
    (tmp_path / "case.db").write_bytes(CANARY.encode() * 999)
    with pytest.raises(ConnectorError, match="can't be used"):
        CaseFile.open(tmp_path)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO gap VALUES (?1, ?1, ?1, ?1)",  # no integer
        "INSERT INTO target VALUES (?1, ?1, ?1, ?1)",  # no such status
        "INSERT INTO entry (type, id, origin, source, sha256, body) VALUES (?1,?1,?1,?1,?1,x'')",
        "INSERT INTO state VALUES (?1, NULL)",
        "INSERT INTO nowhere VALUES (?1)",
    ],
)
def test_an_error_tells_nothing_of_the_content(case: CaseFile, sql: str) -> None:
    with pytest.raises(ConnectorError) as caught, case.commit():
        case.execute(sql, [CANARY])
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_forgotten_content_is_gone_from_the_file(tmp_path: Path) -> None:
    with CaseFile.open(tmp_path) as case:
        case.state.request_file = CANARY
        case.state.request_file = None
    assert CANARY.encode() not in (tmp_path / "case.db").read_bytes()


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    write_private(tmp_path / "receipt.json", b"one")
    write_private(tmp_path / "receipt.json", b"2")
    assert [path.name for path in tmp_path.iterdir()] == ["receipt.json"]
    assert (tmp_path / "receipt.json").read_bytes() == b"2"


def test_an_older_file_is_brought_up_whole_or_not_at_all(tmp_path: Path) -> None:
    """A fact that was held by name is a field of the state; what nobody reads is gone."""
    CaseFile.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "case.db") as db:
        db.executescript(
            "DROP TABLE state; DROP TABLE gap; PRAGMA user_version = 8;"
            "CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
        )
        facts = {"state": "differs", "mapped": "m", "update": 1, "source_software": "x",
                 "identity": {"patient": {}}, "doubts": []}  # fmt: skip
        rows = ((name, json.dumps(value)) for name, value in facts.items())
        db.executemany("INSERT INTO fact VALUES (?, ?)", rows)
    with pytest.raises(ConnectorError, match="no such column"):
        CaseFile.open(tmp_path)  # no table `gap`: damaged
    with sqlite3.connect(tmp_path / "case.db") as db:
        assert db.execute("SELECT count(*) FROM fact").fetchone() == (6,)
        assert db.execute("PRAGMA user_version").fetchone() == (8,)
        db.execute("CREATE TABLE gap (what TEXT, kind TEXT, why TEXT, expected INTEGER)")
    with CaseFile.open(tmp_path) as case:
        assert (case.state.status, case.state.mapped_with) == ("differs", "m")
        assert (case.state.route, case.state.unknown_outcomes) == ({"patient": {}}, [])
        assert case.rows("SELECT name FROM state WHERE name = 'source_software'") == []
        assert case.row("SELECT 1 FROM sqlite_master WHERE name = 'fact'") is None
