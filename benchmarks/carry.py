"""The map step on one core: how many records a second travel, and whether time grows with size.

The largest chart of fixtures/charts and $CONNECTOR_CHARTS, repeated until it has 10,000 and 50,000
records. No server: the chart is put straight into a case file. Rates are per second of processor
time (neither step uses more than one thread); ratios are to a JSON round trip of the same records
by the standard library in the same run.
"""

import json
import re
import time
import uuid
from collections.abc import Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import RUNS, SMALLEST, Measure, measured, side, table
from connector import packet
from connector.fhir.lossless import decode, encode, sha256
from connector.packet.carry.record import Carrier
from connector.packet.record.links import Links
from connector.packet.release.withheld import Withheld
from connector.request import PatientChoice, Request
from connector.settings import Destination, Source
from connector.store.case.casefile import CaseFile
from connector.store.pulled import chart
from tests.real.charts import Resource, chart_files, read_chart

_SIZES = (1_000,) if SMALLEST else (10_000, 50_000)
_BASE = "http://127.0.0.1/fhir"
_DATE = re.compile(r'"(\d{4})-(?=\d\d)')


def fill(folder: Path, path: Path, records: int) -> int:
    """A case file with the chart over and over, up to so many records; bytes of all of them."""
    found = read_chart(path)
    size = 0
    with CaseFile.open(folder) as case, case.commit():
        case.state.source_patient = found.patient["id"]
        for resource in islice(_repeated([*found.shared, *found.records]), records):
            body = encode(resource)
            row = chart.Record(resource["resourceType"], resource["id"], "1", sha256(body), body)
            chart.put_record(case, row, "all")
            size += len(body)
    return size


def _repeated(resources: list[Resource]) -> Iterator[Resource]:
    """The chart, then again and again some years earlier: other records, not the same ones."""
    yield from resources
    for number in count(1):
        for resource in resources:
            if resource["resourceType"] != "Patient":
                earlier = _DATE.sub(partial(_earlier, number), encode(resource).decode())
                yield {**decode(earlier.encode()), "id": f"{resource['id']}-{number}"}


def _earlier(years: int, found: re.Match[str]) -> str:
    return f'"{int(found[1]) - years:04}-'


def carry(folder: Path) -> tuple[float, int]:
    """Read every record and put it in packet form, all of them leaving. CPU seconds and records."""
    with CaseFile.open(folder) as case:
        links = Links(case, _BASE)
        keys = {f"{record.type}/{record.id}" for record in chart.records(case)}
        carrier = Carrier(links, uuid.uuid4(), keys, Withheld(links), {}, {}, lambda _: None)
        started = time.process_time()
        for record in chart.records(case):
            carrier.form(f"{record.type}/{record.id}", record.body)
        return time.process_time() - started, len(keys)


def round_trip(folder: Path) -> float:
    """CPU seconds of reading every record and taking it apart and together with `json`."""
    with CaseFile.open(folder) as case:
        started = time.process_time()
        for record in chart.records(case):
            json.dumps(json.loads(record.body))
        return time.process_time() - started


def whole_step(folder: Path, patient: str) -> Measure:
    """`map_case` with everything that may leave leaving, into the packet of the case file."""
    ends = {"id": uuid.uuid4(), "base_url": _BASE, "environment": "test"}
    request = Request(
        request_id="SO-1",
        patient=PatientChoice(id=patient),
        key_question="treatment",
        question="Is surgery better than waiting?",
        needed_by="2099-01-01",
        source="home",
        destination="outside",
        scope="whole-chart",
    )
    with CaseFile.open(folder) as case:
        work = partial(
            packet.map_case, case, request, Source.model_validate(ends),
            Destination.model_validate(ends | {"id": uuid.uuid4()}), packet.load(),
            as_of="2026-11-22T00:00:00Z", environment="test",
        )  # fmt: skip
        return measured(work)[0]


def main() -> None:
    path = chart_files()[-1]
    patient = str(read_chart(path).patient["id"])
    rows = []
    for size in _SIZES:
        with TemporaryDirectory() as name, side() as filler, side() as worker:
            folder = Path(name)
            total = filler.submit(fill, folder, path, size).result()
            # One after the other, so that each saw the same machine.
            runs = [
                (
                    worker.submit(round_trip, folder).result(),
                    worker.submit(carry, folder).result()[0],
                    worker.submit(whole_step, folder, patient).result(),
                )
                for _ in range(RUNS)
            ]
        plain, carried = min(run[0] for run in runs), min(run[1] for run in runs)
        step = min(run[2].cpu_s for run in runs)
        rows.append(
            (carried / plain, step / plain, round(size / carried), round(size / step),
             round(size / plain), size, f"{total / 1e6:.1f}",
             round(max(run[2].peak_mb for run in runs))),
        )  # fmt: skip
    table(
        f"Map: chart {path.name.split('_')[0]}, repeated; best of {RUNS}",
        ("carry / json", "map_case / json", "carry, records/s", "map_case, records/s",
         "json, records/s", "records", "MB", "peak, MB"),
        rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
