"""What leaves for five charts is what somebody read and found right, wherever it is made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.goldens import GOLDENS, goldens

ROOT = Path(__file__).resolve().parents[2]
# A second Python with the project in it, for a run by hand.
OTHER_PYTHON = os.environ.get("CONNECTOR_OTHER_PYTHON")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return dict(goldens(tmp_path_factory.mktemp("goldens")))


def test_the_packets_are_those_that_were_read(made: dict[str, bytes]) -> None:
    kept = {str(p.relative_to(GOLDENS)): p.read_bytes() for p in GOLDENS.glob("*/*")}
    assert made.keys() == kept.keys()
    changed = [name for name, content in made.items() if kept[name] != content]
    assert not changed, "read what changed, then write them anew: python -m tests.goldens"


@pytest.mark.parametrize(
    ("python", "surroundings"),
    [
        (sys.executable, {"PYTHONHASHSEED": "1", "TZ": "Asia/Kolkata", "LC_ALL": "C"}),
        (sys.executable, {"PYTHONHASHSEED": "2", "TZ": "America/St_Johns", "LC_ALL": "C.UTF-8"}),
        pytest.param(
            OTHER_PYTHON, {"PYTHONHASHSEED": "3", "TZ": "UTC"},
            marks=pytest.mark.skipif(OTHER_PYTHON is None, reason="CONNECTOR_OTHER_PYTHON unset"),
        ),
    ],
    ids=["C", "UTF-8", "another Python"],
)  # fmt: skip
def test_surroundings_change_no_byte(
    made: dict[str, bytes], python: str, surroundings: dict[str, str], tmp_path: Path
) -> None:
    subprocess.run(
        [python, "-m", "tests.goldens", str(tmp_path / "goldens")],
        env=os.environ | surroundings | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        check=True,
    )
    there = tmp_path / "goldens"
    assert {str(p.relative_to(there)): p.read_bytes() for p in there.glob("*/*")} == made
