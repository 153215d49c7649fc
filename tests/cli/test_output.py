"""Whoever runs it and wherever its words go: no traceback, and a code that says what happened."""

import getpass
import os
import subprocess
import sys
from pathlib import Path

import pytest

from connector.cli import common
from connector.errors import UsageError
from tests import support


def shell(command: str, folder: Path) -> support.Ran:
    program = f'"{sys.executable}" -m connector'
    done = subprocess.run(
        ["bash", "-c", command.replace("connector", program)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return support.Ran(done.returncode, done.stdout, done.stderr)


def test_a_reader_who_has_seen_enough_ends_nothing(tmp_path: Path) -> None:
    ran = shell("connector --help | head -1; echo ${PIPESTATUS[0]}", tmp_path)
    assert ran.out.splitlines()[-1] == "0"
    assert ran.err == ""
    ran = shell("connector status 2>&1 | true; echo ${PIPESTATUS[0]}", tmp_path)
    assert (ran.out, ran.err) == ("2\n", "")
    assert shell("connector --help >&-", tmp_path).code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_was_lost_is_told(tmp_path: Path) -> None:
    ran = shell("connector --help >/dev/full", tmp_path)
    assert ran.code == 1
    assert "output was lost: No space left on device" in ran.err
    assert "Traceback" not in ran.err


def test_who_runs_it_needs_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert common.who(None) == f"uid {os.getuid()}"
    assert common.who(" A. Person ") == "A. Person"
    for wrong in ("", " ", "a\nb", "a\x1b[2J", "x" * 201):
        with pytest.raises(UsageError, match="--by: expected a name"):
            common.who(wrong)


def test_no_verb_asks_the_system_for_a_name_by_itself() -> None:
    asking = [
        path.name
        for path in (support.ROOT / "connector").rglob("*.py")
        if "getpass" in path.read_text()
    ]
    assert asking == ["config.py"]


def test_closed_streams_lead_nowhere(world: support.World) -> None:
    world.request()
    closed = shell("connector transfer request.yaml >&- 2>&- <&-", world.folder)
    assert closed.code == 3
    assert len(world.there("Task")) == 1
    no_input = shell("connector waive SO-1 labs --by me <&-", world.folder)
    assert no_input.code == 2
    assert "expected a reason" in no_input.err


def test_names_are_shown_in_a_locale_without_accents(world: support.World) -> None:
    world.request()
    assert world.cli("pull", "request.yaml").code in (0, 3)
    assert world.cli("close", "SO-1", "--by", "Zoë Õ", stdin="met without").code == 0
    ran = shell("PYTHONIOENCODING=ascii connector show SO-1", world.folder)
    assert ran.code == 0
    assert "Closed by Zo\\xeb \\xd5" in ran.out


def test_what_is_too_long_for_a_file_is_no_case_either(world: support.World) -> None:
    ran = world.cli("show", "a" * 5000)
    assert ran.code == 2
    assert "no such request file or case" in ran.err


def test_what_init_writes_is_private(tmp_path: Path) -> None:
    assert shell("umask 0; connector init", tmp_path).code == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"connector.toml": 0o600, "request.yaml": 0o600}
