"""A machine that lacks something is told the one command that helps, before anything is made."""

import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]

# What `python3` answers to the questions set-up asks it: how old, and can it make environments?
OLD = 'case "$*" in -V) echo Python 3.9.2 ;; *) exit 1 ;; esac'
WITHOUT_VENV = 'case "$*" in *ensurepip*) exit 1 ;; esac'


@pytest.mark.parametrize(
    ("pythons", "advice"),
    [
        ({}, "sudo apt-get install python3 python3-venv"),
        ({"python3": OLD}, "sudo apt-get install python3.11 python3.11-venv"),
        ({"python3": WITHOUT_VENV}, "sudo apt-get install python3-venv"),
        (
            {"python3": OLD, "python3.12": WITHOUT_VENV},
            "sudo apt-get install python3.12-venv",
        ),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, pythons: dict[str, str], advice: str) -> None:
    programs, checkout = tmp_path / "bin", tmp_path / "checkout"
    (checkout / ".ci").mkdir(parents=True)
    shutil.copy(CHECKOUT / ".ci" / "setup", checkout / ".ci")
    programs.mkdir()
    for name in ("cat", "dirname"):
        (programs / name).symlink_to(shutil.which(name) or "")
    for name, behaviour in pythons.items():
        (programs / name).write_text(f"#!/bin/sh\n{behaviour}\n")
        (programs / name).chmod(0o755)

    ended = subprocess.run(
        [checkout / ".ci" / "setup"],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr.rstrip().endswith(advice)
    assert len(ended.stderr.splitlines()) == 1
    assert [path.name for path in checkout.iterdir()] == [".ci"]
