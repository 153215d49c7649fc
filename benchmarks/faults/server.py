"""A small FHIR server: one patient, five Immunizations, forty Conditions, and one fault."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "canary-7141"
FHIR = "application/fhir+json"
_PAGE = 10
_PARAMETERS = ("_id", "patient", "subject", "status", "clinical-status", "_count")


@dataclass(frozen=True)
class Fault:
    """What is wrong, always in the search for Conditions. `pages` of ten records each."""

    name: str
    title: str
    pages: int = 4
    limit_s: float = 20
    expected: int | None = None  # records in all that a client can get; None: every one

    @property
    def records(self) -> int:
        return 1 + 5 + _PAGE * self.pages if self.expected is None else self.expected


FAULTS = (
    Fault("none", "no fault"),
    Fault("403", "403 on a type", expected=6),
    Fault("429", "429 once, Retry-After 1"),
    Fault("429-hour", "429 with an hour", expected=6),
    Fault("503", "503 once"),
    Fault("drop", "drop in mid-body, once"),
    Fault("cut-length", "body cut, length that of the cut, once"),
    Fault("cut-valid", "body cut to valid JSON (5 of 10 entries), `total` says more", expected=41),
    Fault("self-next", "`next` is the page itself", expected=26),
    Fault("loop", "`next` in a loop of three", expected=36),
    Fault("foreign-next", "`next` on another host", expected=26),
    Fault("expired", "cursor expired once (410)"),
    Fault("1500-pages", "1,500 pages (120 s)", pages=1500, limit_s=120),
    Fault("twice", "each page comes twice"),
    Fault("outcome", "OperationOutcome in the searchset: results missing", expected=36),
    Fault("status", "`clinical-status` required (400 without)"),
    Fault("empty-page", "an empty page with `next`"),
    Fault("bomb", "gzip bomb: 4 MB that are 4 GB", expected=16),
    Fault("deep", "one record is 10,000 levels deep", expected=45),
    Fault("xml-type", "JSON called application/xml"),
    Fault("login", "login page with 200", expected=16),
)


@dataclass
class Answer:
    """One answer. `keep` bytes are sent of the body, then the connection is closed."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": FHIR})
    keep: int | None = None


@dataclass
class Running:
    """A server that runs. `stranger_saw`: values of Authorization that came to another origin."""

    base_url: str
    requests: list[str] = field(default_factory=list)
    stranger_saw: list[str] = field(default_factory=list)


@contextmanager
def serving(fault: Fault) -> Iterator[Running]:
    """The server with `fault`, and another origin beside it that keeps what it is sent."""
    with _listening(_Handler) as server, _listening(_Stranger) as stranger:
        running = Running(f"http://127.0.0.1:{server.server_port}/fhir")
        away = f"http://127.0.0.1:{stranger.server_port}/fhir"
        server.state = _State(fault, running, away)  # type: ignore[attr-defined]
        stranger.state = running  # type: ignore[attr-defined]
        yield running


@contextmanager
def _listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _State:
    """What the server knows: the fault, and whether it happened."""

    def __init__(self, fault: Fault, running: Running, away: str) -> None:
        self.fault = fault
        self.running = running
        self.away = away
        self._lock = threading.Lock()
        self._done = False
        self._bomb = gzip.compress(bytes(1 << 22), 9) * 1024 if fault.name == "bomb" else b""

    def once(self) -> bool:
        with self._lock:
            done, self._done = self._done, True
            return not done

    def answer(self, path: str, asked: Mapping[str, list[str]]) -> Answer:
        resource_type, _, rest = path.removeprefix("/fhir").strip("/").partition("/")
        if resource_type == "metadata":
            return Answer(_json(_capability()))
        if resource_type == "Patient":
            patient = {"resourceType": "Patient", "id": "p", "name": [{"family": "Test"}]}
            return Answer(_json(patient if rest == "p" else _bundle([patient], 1, [])))
        if resource_type == "Immunization":
            return Answer(_json(_bundle([_record("Immunization", n) for n in range(5)], 5, [])))
        if resource_type != "Condition" or rest not in ("", "_search"):
            return Answer(_json(_outcome("not-found")), 404)
        page = int(asked.get("page", ["0"])[0])
        return self._faulty(page, asked) or self._page(page, asked)

    def _page(self, page: int, asked: Mapping[str, list[str]]) -> Answer:
        name, pages = self.fault.name, self.fault.pages
        first = page // 2 if name == "twice" else page
        count = pages * 2 if name == "twice" else pages
        numbers = range(first * _PAGE, (first + 1) * _PAGE)
        entries = [_record("Condition", n) for n in numbers]
        following = page + 1 if page + 1 < count else None
        if name == "empty-page":
            following = page + 1 if page < pages else None
            entries = (
                [] if page == 1 else [_record("Condition", n - _PAGE * (page > 1)) for n in numbers]
            )
        if name == "loop" and page == 2:
            following = 0
        if name == "outcome" and page == 1:
            entries = [_outcome("incomplete")]
        if name == "cut-valid" and page == 1:
            entries = entries[:5]
        base = self.running.base_url
        if name == "foreign-next" and page == 1:
            base = self.away
        links = []
        if following is not None:
            if name == "self-next" and page == 1:
                following = 1
            extra = "&clinical-status=active" if "clinical-status" in asked else ""
            links = [f"{base}/Condition?patient=p&_count=10&page={following}{extra}"]
        body = _json(_bundle(entries, pages * _PAGE, links))
        if name == "deep" and page == 1:
            deep = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
            body = body.replace(b'"Condition 13"', deep)
        return Answer(body)

    def _faulty(self, page: int, asked: Mapping[str, list[str]]) -> Answer | None:
        """An answer instead of the page; None: the page."""
        name, whole = self.fault.name, self._page
        if name == "403":
            return Answer(_json(_outcome("forbidden")), 403)
        if name == "status" and not {"status", "clinical-status"} & asked.keys():
            return Answer(_json(_outcome("required")), 400)
        if name == "429-hour":
            headers = {"Content-Type": FHIR, "Retry-After": "3600"}
            return Answer(_json(_outcome("throttled")), 429, headers)
        if page != 1:
            return None
        if name == "bomb":
            return Answer(self._bomb, 200, {"Content-Type": FHIR, "Content-Encoding": "gzip"})
        if name == "xml-type":
            return Answer(whole(page, asked).body, 200, {"Content-Type": "application/xml"})
        if name == "login":
            return Answer(b"<!DOCTYPE html><form>", 200, {"Content-Type": "text/html"})
        if name not in ("429", "503", "drop", "cut-length", "expired") or not self.once():
            return None
        if name == "429":
            headers = {"Content-Type": FHIR, "Retry-After": "1"}
            return Answer(_json(_outcome("throttled")), 429, headers)
        if name == "drop":
            answer = whole(page, asked)
            answer.keep = len(answer.body) // 2
            return answer
        if name == "cut-length":
            body = whole(page, asked).body
            return Answer(body[: len(body) // 2])
        status = 410 if name == "expired" else 503
        return Answer(_json(_outcome("transient")), status)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def _serve(self) -> None:
        state: _State = self.server.state  # type: ignore[attr-defined]
        state.running.requests.append(self.path)
        parts = urlsplit(self.path)
        form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}" and "metadata" not in parts.path:
            answer = Answer(_json(_outcome("login")), 401)
        else:
            answer = state.answer(parts.path, parse_qs(f"{parts.query}&{form}"))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body if answer.keep is None else answer.body[: answer.keep])
        self.wfile.flush()
        if answer.keep is not None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = _serve

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        state: Running = self.server.state  # type: ignore[attr-defined]
        state.stranger_saw.append(self.headers.get("Authorization", ""))
        body = _json(_bundle([], 0, []))
        self.send_response(200)
        self.send_header("Content-Type", FHIR)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _record(resource_type: str, number: int) -> dict[str, Any]:
    return {
        "resourceType": resource_type,
        "id": f"{resource_type.lower()}-{number}",
        "subject": {"reference": "Patient/p"},
        "note": [{"text": f"{resource_type} {number}"}],
    }


def _bundle(resources: list[dict[str, Any]], total: int, following: list[str]) -> dict[str, Any]:
    entries = [
        {
            "resource": resource,
            "search": {
                "mode": "outcome" if resource["resourceType"] == "OperationOutcome" else "match"
            },
        }
        for resource in resources
    ]
    links = [{"relation": "next", "url": url} for url in following]
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": links,
        "entry": entries,
    }


def _outcome(code: str) -> dict[str, Any]:
    issue = [{"severity": "error", "code": code}]
    return {"resourceType": "OperationOutcome", "issue": issue}


def _capability() -> dict[str, Any]:
    parameters = [{"name": name, "type": "token"} for name in _PARAMETERS]
    interactions = [{"code": "read"}, {"code": "search-type"}]
    resources = [
        {"type": name, "interaction": interactions, "searchParam": parameters}
        for name in ("Patient", "Immunization", "Condition")
    ]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-22",
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": resources}],
    }


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
