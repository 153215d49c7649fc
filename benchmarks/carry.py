"""The map step on one core: how many records a second travel, and whether time grows with size.

The largest chart of fixtures/charts and $CONNECTOR_CHARTS, once as it is and once with every
record doubled. No server: the chart is put straight into a case file. Rates are per second of
processor time: neither step uses more than one thread.
"""

import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Measure, measured, side, table
from connector import packet
from connector.fhir.lossless import encode, sha256
from connector.packet.carry import Carrier
from connector.packet.index import Links
from connector.request import PatientChoice, Request
from connector.settings import Destination, Source
from connector.store import chart
from connector.store.casefile import CaseFile
from tests.real.charts import Resource, chart_files, read_chart

_RUNS = 3
_BASE = "http://127.0.0.1/fhir"


def fill(folder: Path, path: Path, times: int) -> int:
    """A case file with every record of the chart `times` times over; bytes of all records."""
    found = read_chart(path)
    size = 0
    with CaseFile.open(folder) as case, case.commit():
        case.set_fact("source_patient", found.patient["id"])
        for resource in _doubled([*found.shared, *found.records], times):
            body = encode(resource)
            row = chart.Record(resource["resourceType"], resource["id"], "1", sha256(body), body)
            chart.put_record(case, row, "all")
            size += len(body)
    return size


def _doubled(resources: list[Resource], times: int) -> Iterator[Resource]:
    yield from resources
    for number in range(1, times):
        for resource in resources:
            if resource["resourceType"] != "Patient":
                yield {**resource, "id": f"{resource['id']}-{number}"}


def carry(folder: Path) -> tuple[float, int]:
    """Read every record and put it in packet form, all of them leaving. CPU seconds and records."""
    with CaseFile.open(folder) as case:
        links = Links(case, _BASE)
        keys = {f"{record.type}/{record.id}" for record in chart.records(case)}
        carrier = Carrier(links, uuid.uuid4(), keys, frozenset(), lambda _: None)
        started = time.process_time()
        for record in chart.records(case):
            carrier.form(f"{record.type}/{record.id}", record.body)
        return time.process_time() - started, len(keys)


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
    for times in (1, 2):
        with TemporaryDirectory() as name, side() as filler, side() as worker:
            folder = Path(name)
            size = filler.submit(fill, folder, path, times).result()
            carries = [worker.submit(carry, folder).result() for _ in range(_RUNS)]
            steps = [worker.submit(whole_step, folder, patient).result() for _ in range(_RUNS)]
        seconds, records = min(carries)
        step = min(steps, key=lambda measure: measure.cpu_s)
        rows.append(
            (round(records / seconds), round(records / step.cpu_s), records, f"{size / 1e6:.1f}",
             seconds, step.cpu_s, step.wall_s, round(max(m.peak_mb for m in steps))),
        )  # fmt: skip
    table(
        f"Map: chart {path.name.split('_')[0]}, once and doubled; best of {_RUNS}",
        ("carry, records/s", "map_case, records/s", "records", "MB", "carry, CPU s",
         "map_case, CPU s", "map_case, s", "peak, MB"),
        rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
