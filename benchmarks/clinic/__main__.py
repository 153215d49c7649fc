"""`python -m benchmarks.clinic [--page] [NAME…]`: what the packet holds and says, in three tables.

`--page` writes docs/clinic.md too. NAME: only the cases, and complete charts of the kinds of case,
of these names, and no whole charts.
"""

import sys
from pathlib import Path

from benchmarks.clinic import charts, complete, look, page, planted
from benchmarks.measure import SMALLEST
from tests.support import ROOT

PAGE = ROOT / "docs" / "clinic.md"


def found(folders: list[Path], only: frozenset[str] = frozenset()) -> page.Found:
    """All of `folders`, then every whole chart."""
    cases = [case for folder in folders for case in charts.cases(folder)]
    whole = [chart for folder in folders for chart in charts.complete(folder)]
    if only:
        cases = [case for case in cases if case.name in only]
        whole = [chart for chart in whole if chart.case_type in only]
    if SMALLEST:
        cases, whole = cases[:2], whole[:1]
    real = [] if only or SMALLEST else charts.real_looking()
    return page.Found(
        tuple(planted.judge(cases)),
        tuple(map(complete.remove_each, whole)),
        tuple(look.look(real)),
    )


def main(arguments: list[str]) -> int:
    names = frozenset(arguments) - {"--page"}
    result = found(charts.folders(), names)
    for line in page.lines(result):
        print(line)
    for line in result.wrong:
        print(f"WRONG {line}")
    if "--page" in arguments:
        page.write(PAGE, result)
    return int(bool(result.wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
