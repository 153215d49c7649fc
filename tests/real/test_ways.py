"""One chart by every way: from a real HAPI that gave it ids of its own, and from the files.

Each is held against the files by the tests' own comparison, which knows nothing of ours, and each
against the others by the design's equality, under the bijection of ids that the server told when
the chart was loaded.
"""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.errors import Waiting
from connector.fhir.equality import Verdict, relation
from connector.fhir.lossless import encode
from connector.settings import Source
from tests.pull.files.test_source import take
from tests.pull.support import Pulled, pull, source, truth
from tests.real.charts import SHARED, Chart, Resource, chart_files, key, read_chart
from tests.real.ground_truth import record_differences
from tests.real.hapi_pair import HapiPair, empty
from tests.real.loader import post_all, renamed
from tests.real.planted import write

_PATIENCE_S = 3000  # all exports of a run by hand, one after the other
SERVED = ("auto", "search", "everything", "bulk")
CHARTS = {path.name.split("_")[0]: path for path in chart_files()}


@dataclass(frozen=True)
class Placed:
    """A chart, where its records stand at the server, and its export, begun with all others."""

    chart: Chart
    base_url: str
    there: Mapping[str, str]  # `Type/id` of the files → `Type/id` at the server
    export: "Future[Pulled]"


@pytest.fixture(scope="module")
def placed(hapi: HapiPair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Placed]]:
    """All charts at one server. HAPI takes minutes for an export, for six of them no longer."""
    base = hapi.destination_url  # emptied by whoever uses it next
    empty(base)
    paths = {**CHARTS, "Planted": write(tmp_path_factory.mktemp("planted"))}
    shared: dict[Path, Mapping[str, str]] = {}
    found = {}
    with ThreadPoolExecutor(len(paths)) as exports:
        for name, path in paths.items():
            chart = read_chart(path)
            if path.parent not in shared:
                shared[path.parent] = post_all(base, chart.shared)
            there = {
                **shared[path.parent],
                **post_all(base, (renamed(r, shared[path.parent]) for r in chart.records)),
            }
            settings = source(base, pull="bulk", page_bytes_max=1_000_000_000)
            patient = there[key(chart.patient)].partition("/")[2]
            folder = tmp_path_factory.mktemp("bulk")
            export = exports.submit(patiently, folder, settings, patient)
            found[name] = Placed(chart, base, there, export)
        yield found


def patiently(folder: Path, settings: Source, patient: str) -> Pulled:
    """Run again whenever the case is parked, as cron does. HAPI asks for 120 s at any time."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return pull(folder, settings, id=patient)
        except Waiting:
            assert time.monotonic() < until, "HAPI did not finish the export"
            time.sleep(5)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [*CHARTS, "Planted"])
def test_every_way_gives_the_same_chart(
    tmp_path: Path, placed: dict[str, Placed], name: str
) -> None:
    at = placed[name]
    home = {there: here for here, there in at.there.items()}
    assert len(home) == len(at.there)  # a bijection
    expected = truth(at.chart)
    patient = at.there[key(at.chart.patient)].partition("/")[2]
    by_key = {key(r): r for r in (*at.chart.shared, *at.chart.records)}
    names = names_in_files(by_key)
    ways = {
        way: at.export.result()
        if way == "bulk"
        else pull(tmp_path / way, source(at.base_url, pull=way), id=patient)
        for way in SERVED
    }
    of_files = take(
        tmp_path / "case", given(tmp_path / "files", at.chart), id=at.chart.patient["id"]
    )

    assert of_files.records.keys() == expected
    # The charts that repeat a practitioner otherwise (`given`): told, since the first counts.
    doubled = [gap for gap in of_files.gaps if "different records under one id" in gap.why]
    # What names no patient is taken from files of one person, and told.
    unnamed = [gap for gap in of_files.gaps if "names no patient; taken" in gap.why]
    assert [gap for gap in of_files.gaps if gap not in unnamed] == doubled
    assert {gap.what for gap in doubled} <= {"Practitioner (1 referenced)"}
    for way, pulled in ways.items():
        assert {home[there] for there in pulled.records} == expected, way
        assert pulled.gaps == [], way
        for there, record in pulled.records.items():
            here = home[there]
            read = renamed(record, home)
            assert record_differences(by_key[here], read) == [], (way, here)
            # A file says `urn:uuid:…` where the server says `Type/id`: the same, read with care.
            filed = renamed(of_files.records[here], names)
            assert relation(encode(filed), encode(read)).verdict is Verdict.EQUAL, (way, here)
        assert pulled.bodies == ways["search"].bodies, way


def given(folder: Path, chart: Chart) -> Path:
    """The chart's file and those its folder shares, alone; the shared ones first.

    Charts of 2019 repeat a shared practitioner with other statistics: of two without a time the
    first counts, and the shared one was loaded at the server.
    """
    folder.mkdir()
    for path in chart.path.parent.iterdir():
        if path == chart.path or path.name.startswith(SHARED):
            (folder / f"{int(path == chart.path)}-{path.name}").symlink_to(path)
    return folder


def names_in_files(by_key: Mapping[str, Resource]) -> Mapping[str, str]:
    """What the references of the files say → `Type/id`, as a server would say it."""
    names = {f"urn:uuid:{resource['id']}": name for name, resource in by_key.items()}
    for name, resource in by_key.items():
        for identifier in resource.get("identifier", []):
            token = f"{identifier.get('system')}|{identifier.get('value')}"
            names[f"{resource['resourceType']}?identifier={token}"] = name
    return names
