"""One chart by searches and by `$everything`, near and far, from one real HAPI.

What decides what `pull = "auto"` begins with. The charts are those of fixtures/charts and of
$CONNECTOR_CHARTS.
"""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.distance import far_away
from benchmarks.measure import RUNS, SMALLEST, middle, ratio, side, table
from benchmarks.pull import loaded_hapi, pull
from tests.support import Site

_ROUND_TRIPS_S = (0.0, 0.05) if SMALLEST else (0.0, 0.05, 0.2)
_NAMES = (
    "everything / auto", "away, ms", "chart", "records", "requests auto, everything",
    "auto, s", "everything, s",
)  # fmt: skip


def main() -> None:
    rows = []
    with loaded_hapi(search_cache=False) as (hapi, patients):
        for round_trip_s in _ROUND_TRIPS_S:
            with ExitStack() as stack:
                url = hapi.source_url
                if round_trip_s:
                    url = stack.enter_context(far_away(url, round_trip_s))
                for path, patient in patients.items():
                    name = path.name.split("_")[0]
                    rows.append(_row(url, hapi.destination_url, name, patient, round_trip_s))
    table(f"HAPI, search cache off; {RUNS} runs", _NAMES, rows)


def _row(
    url: str, unused: str, name: str, patient: str, round_trip_s: float
) -> tuple[str | int | float, ...]:
    """`unused`: a destination, which a configuration has to name and a pull never asks."""
    ways = ("auto", "everything")
    with TemporaryDirectory() as folder, side() as ours:
        sites = {way: Site(Path(folder) / way, url, unused, patient=patient) for way in ways}
        for way, site in sites.items():
            site.folder.mkdir()
            site.configure(source=f'pull = "{way}"')
            site.request()
            ours.submit(pull, site.folder, "first").result()  # warms the server
        taken = {
            way: [ours.submit(pull, site.folder, f"{way}-{n}").result() for n in range(RUNS)]
            for way, site in sites.items()
        }
    auto, everything = ([measure for measure, _, _ in taken[way]] for way in ways)
    return (
        ratio(everything, auto), round(round_trip_s * 1000), name, taken["auto"][0][2],
        f"{auto[0].requests}, {everything[0].requests}",
        middle(auto).wall_s, middle(everything).wall_s,
    )  # fmt: skip


if __name__ == "__main__":
    main()
