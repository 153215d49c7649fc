"""`pull_chart` and `connector pull` next to raw `requests` asking one real HAPI the same.

The other side asks what our first run asked, over as many kept connections as ours, follows the
pages and throws the answers away: once in the steps in which it can be known what to ask (is this
an R4 server, who is the patient, the records, what they refer to, who wrote them), once all at
the same time, as nobody could. Ours stores each page before it asks for the next, checks each
record and follows references. The charts are those of fixtures/charts and of $CONNECTOR_CHARTS.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.distance import far_away
from benchmarks.measure import (
    RUNS,
    SMALLEST,
    Measure,
    command,
    measured,
    middle,
    ratio,
    side,
    table,
)
from benchmarks.wire import Sent, Steps, ask_again
from connector import packet
from connector.config import load as load_config
from connector.endpoint import Endpoint
from connector.job import prepare
from connector.pull import pull_chart
from connector.store.case.casefile import CaseFile
from connector.store.pulled import chart
from connector.work.requests import read_request
from tests.real.charts import chart_files, read_chart
from tests.real.hapi_pair import HapiPair
from tests.real.loader import load
from tests.support import Site

_CONFIG = "connector.toml"
_NAMES = (
    "pull / raw in steps", "pull / raw at once", "command / raw in steps", "chart", "records",
    "requests ours, raw", "connections ours, raw", "pull, s", "command, s", "raw in steps, s",
    "raw at once, s", "CPU pull, s", "CPU raw, s", "peak pull, MB", "peak command, MB",
)  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """How a server is asked. `remembered`: raw requests accept what HAPI kept for a minute."""

    title: str
    search_cache: bool
    round_trip_s: float = 0.0
    remembered: bool = False


CONDITIONS = (
    Condition("search cache off", search_cache=False),
    Condition("search cache off, 50 ms away", search_cache=False, round_trip_s=0.05),
    Condition("search cache on; both sides ask for fresh answers", search_cache=True),
    Condition("search cache on; raw requests take old ones", search_cache=True, remembered=True),
)


@dataclass
class Runs:
    """What both sides took for one chart, run by run."""

    pull: list[Measure] = field(default_factory=list)
    command: list[Measure] = field(default_factory=list)
    in_steps: list[Measure] = field(default_factory=list)
    at_once: list[Measure] = field(default_factory=list)


def pull(folder: Path, case_name: str) -> tuple[Measure, Steps, int]:
    """Pull by library call into a new case file: what it took, what was asked, records had."""
    config = load_config(folder / _CONFIG)
    request = read_request(folder / "request.yaml")
    job = prepare(config, request, packet.load())
    with CaseFile.open(folder / case_name) as case:
        taken, wire = measured(
            lambda: pull_chart(
                case,
                job.request,
                Endpoint(job.source, "source", job.source.page_bytes_max),
                job.source,
                never_types=job.mappings.never_types,
                wanted_types=job.mappings.wanted_types(job.request.case_type),
            )
        )
        return taken, wire.steps, chart.count_records(case)


def raw(steps: Steps, threads: int) -> Measure:
    """The same questions with nothing but `requests`."""
    return measured(partial(ask_again, steps, threads))[0]


def compare(site: Site, condition: Condition) -> tuple[Runs, int]:
    """Our pull, our command and raw requests in turn, after one run of each to warm the server."""
    threads = load_config(site.configure()).source("home").connections
    site.request()
    runs = Runs()
    with side() as ours, side() as theirs:
        _, steps, records = ours.submit(pull, site.folder, "first").result()
        if condition.remembered:
            steps = [[_without_haste(question) for question in step] for step in steps]
        at_once = [[question for step in steps for question in step]]
        theirs.submit(raw, steps, threads).result()
        for number in range(RUNS):
            runs.pull.append(ours.submit(pull, site.folder, f"case-{number}").result()[0])
            runs.in_steps.append(theirs.submit(raw, steps, threads).result())
            runs.at_once.append(theirs.submit(raw, at_once, threads).result())
            runs.command.append(_command(site, f"SO-{number}"))
    return runs, records


def _command(site: Site, request_id: str) -> Measure:
    request = site.request(f"{request_id}.yaml", request_id=request_id)
    program = Path(sys.executable).with_name("connector")
    return command(program, "pull", request, cwd=site.folder)


def _without_haste(question: Sent) -> Sent:
    kept = {name: value for name, value in question.headers.items() if name != "Cache-Control"}
    return replace(question, headers=kept)


def _row(name: str, records: int, runs: Runs) -> Sequence[str | int | float]:
    ours, whole = middle(runs.pull), middle(runs.command)
    in_steps, at_once = middle(runs.in_steps), middle(runs.at_once)
    return (
        ratio(runs.pull, runs.in_steps), ratio(runs.pull, runs.at_once),
        ratio(runs.command, runs.in_steps), name, records,
        f"{ours.requests}, {in_steps.requests}", f"{ours.connections}, {in_steps.connections}",
        ours.wall_s, whole.wall_s, in_steps.wall_s, at_once.wall_s, ours.cpu_s, in_steps.cpu_s,
        round(ours.peak_mb), round(whole.peak_mb),
    )  # fmt: skip


def load_chart(base_url: str, path: Path) -> str:
    """Put a chart into a server. The id of its patient."""
    found = read_chart(path)
    load(base_url, found)
    return str(found.patient["id"])


@contextmanager
def loaded_hapi(*, search_cache: bool) -> Iterator[tuple[HapiPair, dict[Path, str]]]:
    """A pair of servers, the source holding every chart; patient ids by chart file."""
    pair = HapiPair(search_cache=search_cache)
    try:
        with side() as loader:  # this process stays small: see measure.command
            yield (
                pair,
                {
                    path: loader.submit(load_chart, pair.source_url, path).result()
                    for path in (chart_files()[:1] if SMALLEST else chart_files())
                },
            )
    finally:
        pair.stop()


def main() -> None:
    for search_cache in (False,) if SMALLEST else (False, True):
        with loaded_hapi(search_cache=search_cache) as (hapi, patients):
            for condition in CONDITIONS:
                if condition.search_cache == search_cache:
                    _measure(condition, hapi, patients)


def _measure(condition: Condition, hapi: HapiPair, patients: dict[Path, str]) -> None:
    rows = []
    with ExitStack() as stack:
        url = hapi.source_url
        if condition.round_trip_s:
            url = stack.enter_context(far_away(url, condition.round_trip_s))
        for path, patient in patients.items():
            with TemporaryDirectory() as folder:
                site = Site(Path(folder), url, hapi.destination_url, patient=patient)
                runs, records = compare(site, condition)
            rows.append(_row(path.name.split("_")[0], records, runs))
    table(f"Pull: HAPI, {condition.title}; {RUNS} runs", _NAMES, rows)


if __name__ == "__main__":
    main()
