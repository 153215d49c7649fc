"""The tables, and docs/clinic.md, which has them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clinic.complete import Removed
from benchmarks.clinic.look import SOUGHT, Looked
from benchmarks.clinic.planted import Judged, Tally

Row = Sequence[str | int]
_FIRST = "## Planted records"  # what stands above it in the page is written by hand


@dataclass(frozen=True)
class Found:
    """All of one run."""

    judged: tuple[Judged, ...]
    removed: tuple[Removed, ...]
    looked: tuple[Looked, ...]

    @property
    def wrong(self) -> list[str]:
        return [
            *(line for case in self.judged for line in case.wrong),
            *(line for chart in self.removed for line in chart.wrong),
            *(line for chart in self.looked for line in chart.wrong),
        ]


def lines(found: Found) -> Iterable[str]:
    yield from _planted(found.judged)
    yield from _removed(found.removed)
    yield from _looked(found.looked)


def write(path: Path, found: Found) -> None:
    head, _, _ = path.read_text().partition(_FIRST)
    path.write_text(head + "\n".join([*lines(found), ""]))


def _planted(cases: Sequence[Judged]) -> Iterable[str]:
    if not cases:
        return
    yield f"{_FIRST}\n"
    names = ("case", "kind of case", "selected", "in its section", "status told", "known as it is",
             "answers its item", "missing told", "no false answer")  # fmt: skip
    rows: list[Row] = [
        (case.name, case.case_type, *(str(tally) for tally in case.tallies)) for case in cases
    ]
    total = [_sum(case.tallies[n] for case in cases) for n in range(len(cases[0].tallies))]
    yield from _table(names, [*rows, (f"all {len(cases)}", "", *map(str, total))])
    how = {
        way: sum(case.how.get(way, 0) for case in cases) for way in ("code", "category", "words")
    }
    yield (
        "\nPlanted records of which a kind is known by their code: {code}, category: {category}, "
        "words: {words}.\n".format(**how)
    )


def _removed(charts: Sequence[Removed]) -> Iterable[str]:
    if not charts:
        return
    yield "## Items taken away\n"
    yield (
        "From a chart that answers all of its checklist, the records of one required or "
        "recommended item at a time: is the item reported, with whom to ask?\n"
    )
    rows: list[Row] = [(c.name, c.case_type, f"{c.told} of {c.items}") for c in charts]
    all_told, all_items = sum(c.told for c in charts), sum(c.items for c in charts)
    rows.append((f"all {len(charts)}", "", f"{all_told} of {all_items}"))
    yield from _table(("chart", "kind of case", "reported"), rows)
    yield ""


def _looked(charts: Sequence[Looked]) -> Iterable[str]:
    if not charts:
        return
    yield "## Told as absent, and looked for by other means\n"
    yield (
        "Each whole chart, under each checklist: an own search over the source file (own words "
        "and codes, `benchmarks/clinic/look.py`) for every item that is told as searched and not "
        "there. A test that was done (Procedure) without a report of it is no report.\n"
    )
    rows: list[Row] = []
    for name in dict.fromkeys(chart.name for chart in charts):
        mine = [chart for chart in charts if chart.name == name]
        rows.append(_row(name, mine))
    yield from _table(
        ("chart", "checklists", "items told as absent", "looked for", "contradicted"),
        [*rows, _row(f"all {len(rows)}", charts)],
    )
    unlooked = sorted({item for chart in charts for item in chart.not_looked} - SOUGHT.keys())
    if unlooked:
        yield f"\nNot looked for: {', '.join(unlooked)}."
    yield ""


def _row(name: str, charts: Sequence[Looked]) -> Row:
    return (
        name, len(charts), sum(c.absent for c in charts), sum(c.looked for c in charts),
        sum(len(c.wrong) for c in charts),
    )  # fmt: skip


def _sum(tallies: Iterable[Tally]) -> Tally:
    every = list(tallies)
    return Tally(sum(t.held for t in every), sum(t.of for t in every))


def _table(names: Sequence[str], rows: Iterable[Row]) -> Iterable[str]:
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"
