"""The whole way under foreign input of every sort: no internal error, no hang, nothing leaks.

    python -m tests.fuzz --minutes 10
    python -m tests.fuzz --target files --minutes 2
    python -m tests.fuzz --target files --seed 4711     that round again

Each example draws changes to resources (every element of the R4 definitions), answers, bytes on the
wire or files, and runs the real command line between two real servers in this process. What must
hold is in `arena`: exit codes of the contract, bounded time and memory, no control characters and
nothing of the patient in what is printed or kept outside the case.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

EXAMPLES = 10  # of one round; a failing one is found again by the round's seed
FINDINGS_MAX = 30


def played(name: str, number: int) -> tuple[int, BaseException | None]:
    """One round of a target. How many examples ran, and what broke."""
    ran, found = [0], list[BaseException]()

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(st.data())
    def example(data: st.DataObject) -> None:
        ran[0] += 1
        try:
            TARGETS[name](data.draw)
        except Exception as error:  # Hypothesis runs it again, and may not meet it then
            found.append(error)
            raise

    try:
        example()
    except Exception as error:  # noqa: BLE001 - whatever broke is the finding
        return ran[0], found[0] if found else error
    return ran[0], None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--target", choices=list(TARGETS))
    parser.add_argument("--seed", type=int, help="one round, again")
    asked = parser.parse_args()
    names = [asked.target] if asked.target else list(TARGETS)
    # In CI the same rounds every time: what is found by chance is for whoever looks for it.
    dice = random.Random(4711 if os.environ.get("CI") else None)
    until, ran, findings = time.monotonic() + asked.minutes * 60, Counter[str](), 0
    while True:
        for name in names:
            number = asked.seed if asked.seed is not None else dice.randrange(1 << 31)
            count, broken = played(name, number)
            ran[name] += count
            if broken is not None:
                findings += 1
                told = str(broken)[:6000]
                sys.stdout.write(f"FOUND: --target {name} --seed {number}\n{told}\n")
                sys.stdout.flush()
        if asked.seed is not None or time.monotonic() >= until or findings >= FINDINGS_MAX:
            break
    total = ", ".join(f"{count} {name}" for name, count in ran.items())
    sys.stdout.write(f"{sum(ran.values())} examples ({total}): {findings} findings\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
