"""The push step next to raw `requests` posting the same transactions to the same emptied HAPI.

The other side sends the bytes that our first run sent, over one kept connection; only the ids that
the server has given since are written in, outside the time measured. Our side decides who the
patient is there, commits each write before and after, reads every record back and announces.
"""

import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

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
from benchmarks.pull import load_chart
from benchmarks.wire import Sent
from connector import packet, push
from connector.config import load as load_config
from connector.endpoint import Endpoint
from connector.fhir.lossless import decode
from connector.job import prepare
from connector.store.case.casefile import CaseFile
from connector.store.ledger.ledger import Ledger
from connector.store.sent import delivery
from connector.work.requests import read_request
from tests.real.charts import chart_files
from tests.real.hapi_pair import HapiPair, empty
from tests.support import Site

_STEPS = ("resolve", "deliver", "read back", "announce")
_REFERENCE = re.compile(rb'(?<="reference":")[A-Za-z]+/[^"]+(?=")')
_NOW = "2026-11-22T00:00:00Z"

Writes = list[tuple[Sent, list[str]]]  # a transaction, and where each entry of it stood


def ours(site: Site, store: str) -> tuple[list[Measure], Writes]:
    """Push the mapped case of `store`: what each step took, and what was written by `deliver`."""
    config = load_config(site.folder / "connector.toml")
    config = config.model_copy(update={"store": config.store.model_copy(
        update={"path": site.folder / store})})  # fmt: skip
    request = read_request(site.folder / "request.yaml")
    job = prepare(config, request, packet.load())
    ledger = Ledger(f"sqlite:///{config.store.path}/ledger.db", config.store.path / "ledger.key")
    with CaseFile.open(job.folder) as case:
        ids = str(job.source.id), str(job.destination.id)
        session = push.Session(
            case=case,
            ledger=ledger,
            handle=job.handle,
            fence=ledger.take(job.handle, *ids, request.due),
            opens=cache(partial(Endpoint, job.destination, "destination")),
            settings=job.destination,
            request=request,
            source=job.source,
            operator="benchmark",
        )
        steps: Sequence[Callable[[], None]] = (
            partial(push.resolve, session),
            partial(push.deliver, session),
            partial(push.read_back, session),
            partial(push.announce, session, _NOW),
        )
        taken, wires = zip(*(measured(step) for step in steps), strict=True)
        places = delivery.id_map(case)
    ledger.close()
    sent = [s for s in wires[1].sent if s.method == "POST" and not s.url.endswith("/_search")]
    return list(taken), [(s, [places[key] for key in _keys(s)]) for s in sent]


def raw(writes: Writes) -> Measure:
    """Post the same transactions. `wall_s` is the time spent in posting alone."""
    now: dict[bytes, bytes] = {}
    wall = 0.0

    def post_all() -> None:
        nonlocal wall
        with requests.Session() as session:
            for sent, stood in writes:
                assert sent.body is not None
                body = _REFERENCE.sub(lambda match: now.get(match[0], match[0]), sent.body)
                started = time.perf_counter()
                answer = session.post(sent.url, data=body, headers=sent.headers, timeout=600)
                wall += time.perf_counter() - started
                answer.raise_for_status()
                now.update(zip(map(str.encode, stood), _locations(answer.content), strict=True))

    taken = measured(post_all)[0]
    return Measure(wall, taken.cpu_s, taken.peak_mb, taken.requests, taken.connections)


def _keys(sent: Sent) -> list[str]:
    return [
        f"{entry['resource']['resourceType']}/{entry['fullUrl'].removeprefix('urn:uuid:')}"
        for entry in decode(sent.body or b"")["entry"]
    ]


def _locations(answer: bytes) -> list[bytes]:
    locations = (entry["response"]["location"] for entry in decode(answer)["entry"])
    return ["/".join(location.split("/")[-4:-2]).encode() for location in locations]


def compare(site: Site) -> tuple[list[list[Measure]], list[Measure], int]:
    """Both sides in turn, after one run of each to warm the server; and how many entries."""
    command(Path(sys.executable).with_name("connector"), "map", "request.yaml", cwd=site.folder)
    steps: list[list[Measure]] = []
    posts: list[Measure] = []
    writes: Writes = []
    with side() as here, side() as there:
        for number in range(RUNS + 1):
            # A case can be pushed once: each run has its copy of the mapped one.
            shutil.copytree(site.store, site.folder / f"store-{number}")
            empty(site.destination_url)
            taken, sent = here.submit(ours, site, f"store-{number}").result()
            writes = writes or sent
            empty(site.destination_url)
            posted = there.submit(raw, writes).result()
            if number:
                steps.append(taken)
                posts.append(posted)
    return steps, posts, sum(len(stood) for _, stood in writes)


def main() -> None:
    hapi = HapiPair()
    try:
        with TemporaryDirectory() as folder, side() as loader:
            path = chart_files()[0 if SMALLEST else -1]
            patient = loader.submit(load_chart, hapi.source_url, path).result()
            site = Site(Path(folder), hapi.source_url, hapi.destination_url, patient=patient)
            site.configure()
            site.request(scope="whole-chart")
            steps, posts, entries = compare(site)
    finally:
        hapi.stop()
    whole = [_sum(taken) for taken in steps]
    deliver = [taken[1] for taken in steps]
    post = middle(posts)
    table(
        f"Push: chart {path.name.split('_')[0]}, {entries} entries; {RUNS} runs",
        ("deliver / raw", "whole push / raw", "raw, entries/s", "deliver, entries/s",
         "deliver, s", "raw, s", "requests deliver, raw", "peak, MB"),
        [(ratio(deliver, posts), ratio(whole, posts), round(entries / post.wall_s),
          round(entries / middle(deliver).wall_s), middle(deliver).wall_s, post.wall_s,
          f"{middle(deliver).requests}, {post.requests}", round(middle(whole).peak_mb))],
    )  # fmt: skip
    by_step = [middle(taken[number] for taken in steps) for number in range(len(_STEPS))]
    table(
        "Its steps", ("step", "wall, s", "CPU, s", "requests", "connections"),
        [(name, m.wall_s, m.cpu_s, m.requests, m.connections)
         for name, m in zip(_STEPS, by_step, strict=True)],
    )  # fmt: skip


def _sum(taken: Sequence[Measure]) -> Measure:
    return Measure(
        sum(m.wall_s for m in taken), sum(m.cpu_s for m in taken), max(m.peak_mb for m in taken)
    )


if __name__ == "__main__":
    main()
