"""What is not run rots: each benchmark once, in its smallest size. Its numbers are not judged."""

import os
import re
import subprocess
import sys

import pytest

from benchmarks import measure
from tests.support import ROOT


@pytest.mark.parametrize("name", ["help", "carry", "large", "pull", "push", "ways", "faults"])
def test_a_benchmark_ends_and_fills_its_table(name: str, request: pytest.FixtureRequest) -> None:
    if name in ("pull", "push", "ways"):
        request.getfixturevalue("hapi")  # says by name what is skipped where Java is missing
    arguments = ["-m", f"benchmarks.{name}"]
    if name == "faults":
        arguments += ["connector", "none"]
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, measure.SMALLEST_NAME: "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert len(rows) >= 3  # names, rule, one row
    assert re.search(r"\d", rows[-1])
