"""`connector --help` next to `python -c "import click"`: what the command line costs to start."""

import sys
from pathlib import Path

from benchmarks.measure import SMALLEST, command, middle, ratio, table

_RUNS = 2 if SMALLEST else 20


def main() -> None:
    connector = Path(sys.executable).with_name("connector")
    ours, clicks = [], []
    for _ in range(_RUNS + 1):
        ours.append(command(connector, "--help"))
        clicks.append(command(sys.executable, "-c", "import click"))
    ours, clicks = ours[1:], clicks[1:]  # the first runs wrote the compiled modules
    mine, theirs = middle(ours), middle(clicks)
    table(
        "Start: `connector --help`",
        ("ratio", "connector --help, ms", "import click, ms", "runs"),
        [(ratio(ours, clicks), mine.wall_s * 1000, theirs.wall_s * 1000, _RUNS)],
    )


if __name__ == "__main__":
    main()
