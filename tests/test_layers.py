"""The walls between the rooms, as pyproject.toml draws them for import-linter."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_wall_stands() -> None:
    checked = lint_imports(CHECKOUT)
    assert checked.returncode == 0, checked.stdout + checked.stderr


ROOMS = "Rooms import downwards only, siblings do not know each other BROKEN"
STARTS_SANDBOX = "Only the command line starts the sandbox BROKEN"
SHARES_NOTHING = "The sandbox shares nothing but connector.fhir with what it tests BROKEN"
SIGNS = "Only keys and signatures touch cryptography BROKEN"
GATE = "Only the gate imports fhir.resources BROKEN"


@pytest.mark.parametrize(
    ("module", "statement", "broken"),
    [
        ("connector/fhir/breach.py", "import connector.store", ROOMS),
        ("connector/errors.py", "import connector.config", ROOMS),
        ("connector/pull/breach.py", "from connector import push", ROOMS),
        ("connector/room_nobody_placed.py", "", ROOMS),
        ("connector/work/breach.py", "import connector.sandbox", STARTS_SANDBOX),
        ("connector/sandbox/breach.py", "import connector.errors", SHARES_NOTHING),
        ("connector/sandbox/breach.py", "import requests", SHARES_NOTHING),
        ("connector/push/breach.py", "import jwt", SIGNS),
        ("connector/push/breach.py", "from fhir.resources.R4B import task", GATE),
    ],
)
def test_a_breach_is_seen(tmp_path: Path, module: str, statement: str, broken: str) -> None:
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    shutil.copytree(CHECKOUT / "connector", tmp_path / "connector", symlinks=True)
    with (tmp_path / module).open("a") as text:
        text.write(f"\n{statement}\n")
    checked = lint_imports(tmp_path)
    assert checked.returncode == 1
    assert broken in checked.stdout
