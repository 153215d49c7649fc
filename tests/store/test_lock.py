"""One process at a time; a dead one holds nothing."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from connector.errors import Exit, LockHeld
from connector.store.lock import only_one

HOLD = (
    "import sys; from pathlib import Path\n"
    "from connector.store.lock import only_one\n"
    "with only_one(Path(sys.argv[1]), 'this case'):\n"
    "    print('held', flush=True); sys.stdin.readline()\n"
)


def test_a_second_process_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "case" / "lock"
    with only_one(path, "this case"):
        second = subprocess.run(
            [sys.executable, "-c", HOLD, path], capture_output=True, text=True, check=False
        )
    assert second.returncode != 0
    assert "LockHeld: another run works on this case" in second.stderr
    assert "held" not in second.stdout


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LockHeld) as caught, only_one(path, "this case"):
        pass
    assert caught.value.exit is Exit.LOCKED
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with only_one(path, "this case"):
        pass


def test_it_is_let_go_after_an_error_and_may_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyError), only_one(tmp_path / "lock", "x"):
            raise KeyError
    with only_one(tmp_path / "lock", "x"), only_one(tmp_path / "another", "y"):
        assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
