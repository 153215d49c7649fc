"""Memory and time of one pull by the size of the chart: `python -m benchmarks.large [RECORDS ...]`.

The records are made page by page while they are served, so that this side stays small: Linux
counts in a child's peak what its parent held when it started it.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

from benchmarks.measure import SMALLEST, command, table
from tests.support import Site

_PAGE = 200
_SIZES = (500,) if SMALLEST else (2_000, 20_000, 200_000)
_PATIENT = b'{"resourceType":"Patient","id":"p","name":[{"family":"Test"}]}'
_CAPABILITY = (
    b'{"resourceType":"CapabilityStatement","status":"active","kind":"instance",'
    b'"fhirVersion":"4.0.1","format":["json"],"rest":[{"mode":"server","resource":['
    b'{"type":"Patient","searchParam":[{"name":"_id","type":"token"}]},'
    b'{"type":"Observation","searchParam":[{"name":"patient","type":"reference"}]}]}]}'
)
# A laboratory result of a usual size, about 1 kB.
_RECORD = (
    '{"fullUrl":"%(base)s/Observation/o%(number)d","search":{"mode":"match"},"resource":'
    '{"resourceType":"Observation","id":"o%(number)d","meta":{"versionId":"1"},'
    '"status":"final","category":[{"coding":[{"system":'
    '"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],'
    '"code":{"coding":[{"system":"http://loinc.org","code":"2339-0","display":"Glucose"}]},'
    '"subject":{"reference":"Patient/p"},"effectiveDateTime":"2020-01-01T10:00:00+00:00",'
    '"valueQuantity":{"value":%(number)d.50,"unit":"mg/dL",'
    '"system":"http://unitsofmeasure.org","code":"mg/dL"},"note":[{"text":"%(text)s"}]}}'
)


@contextmanager
def serving(records: int) -> Iterator[str]:
    """A server whose one patient has so many Observations. Yields its base."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.block_on_close = False
    base = f"http://127.0.0.1:{server.server_port}/fhir"
    server.chart = base, records  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield base
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def do_GET(self) -> None:
        base, records = self.server.chart  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        if parts.path.endswith("/metadata"):
            body = _CAPABILITY
        elif parts.path.endswith("/Patient/p"):
            body = _PATIENT
        else:
            at = int(parse_qs(parts.query).get("at", ["0"])[0])
            body = _page(base, at, min(at + _PAGE, records), records)
        self.send_response(200)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _page(base: str, start: int, end: int, records: int) -> bytes:
    entries = ",".join(
        _RECORD % {"base": base, "number": number, "text": "generated " * 30}
        for number in range(start, end)
    )
    following = f'{{"relation":"next","url":"{base}/Observation?patient=p&at={end}"}}'
    links = following if end < records else ""
    return (
        f'{{"resourceType":"Bundle","type":"searchset","link":[{links}],"entry":[{entries}]}}'
    ).encode()


def main(sizes: list[int]) -> None:
    rows = []
    for records in sizes or _SIZES:
        with TemporaryDirectory() as folder, serving(records) as base:
            site = Site(Path(folder), base, "http://127.0.0.1:1/fhir", patient="p")
            site.configure()
            request = site.request()
            took = command(sys.executable, "-m", "connector", "pull", request, cwd=site.folder)
            size = sum(path.stat().st_size for path in site.store.rglob("case.db*"))
        rows.append((records, took.wall_s, took.cpu_s, round(took.peak_mb), round(size / 1e6)))
    names = ("records", "wall, s", "CPU, s", "peak, MB", "case file, MB")
    table("`connector pull` of a generated chart, pages of 200", names, rows)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
