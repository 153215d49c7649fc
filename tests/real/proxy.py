"""A reverse proxy on loopback that counts what passes and fails on demand.

It forwards the Host header as it came, from which HAPI builds its `next` links and locations, so
a client that starts at the proxy stays there and no body has to be rewritten.
"""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
OUTCOME = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"processing"}]}'


@dataclass(frozen=True)
class Exchange:
    """One request that came through. `target` is path and query as sent."""

    method: str
    target: str
    status: int
    """As answered to the client; 0 when it got no answer."""


@dataclass
class Fault:
    """What to do instead of passing a request through, where method and target match.

    `status`: answer this, without asking the server. `cut`: pass through, announce the whole
    body, send half and close. `drop-before`, `drop-after`: close without an answer, before or
    after the server did the work.
    """

    target: str
    kind: Literal["status", "cut", "drop-before", "drop-after"] = "status"
    status: int = 500
    method: str = ".*"
    times: int | None = None
    """How often it still strikes; None is for ever."""

    def strikes(self, method: str, target: str) -> bool:
        if self.times == 0 or not re.fullmatch(self.method, method):
            return False
        if not re.search(self.target, target):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class Proxy:
    """Stands before `upstream` (a FHIR base URL) until `close`."""

    upstream: str
    exchanges: list[Exchange] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def base_url(self) -> str:
        port = self._server.server_address[1]
        return f"http://127.0.0.1:{port}{urlsplit(self.upstream).path}"

    @property
    def writes(self) -> list[Exchange]:
        """What may have changed the server: everything but reads and searches."""
        return [
            exchange
            for exchange in self.exchanges
            if exchange.method not in ("GET", "HEAD")
            and not urlsplit(exchange.target).path.endswith("/_search")
        ]

    def fault(self, method: str, target: str) -> Fault | None:
        with self.lock:
            return next((f for f in self.faults if f.strikes(method, target)), None)

    def record(self, exchange: Exchange) -> None:
        with self.lock:
            self.exchanges.append(exchange)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def proxy_before(upstream: str) -> Iterator[Proxy]:
    """A `Proxy` that closes at the end of the block."""
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Tests kill clients in the middle of an answer: that is no fault of the proxy.
        if not isinstance(sys.exception(), BrokenPipeError | ConnectionResetError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One client connection, with one connection of its own to the server behind."""

    protocol_version = "HTTP/1.1"
    owner: Proxy

    def setup(self) -> None:
        super().setup()
        host = urlsplit(self.owner.upstream)
        self.behind = HTTPConnection(host.hostname or "", host.port, timeout=600)

    def finish(self) -> None:
        self.behind.close()
        super().finish()

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self._exchange(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _exchange(self, body: bytes) -> None:
        fault = self.owner.fault(self.command, self.path)
        kind = fault.kind if fault else None
        if kind == "drop-before":
            self._hang_up()
        elif fault and kind == "status":
            self._answer(fault.status, [("Content-Type", "application/fhir+json")], OUTCOME)
        else:
            answer, content = self._forward(body)
            if kind == "drop-after":
                self._hang_up()
            else:
                self._answer(answer.status, answer.getheaders(), content, cut=kind == "cut")

    def _forward(self, body: bytes) -> tuple[HTTPResponse, bytes]:
        self.behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.behind.putheader(name, value)
        self.behind.putheader("Content-Length", str(len(body)))
        self.behind.endheaders(body)
        answer = self.behind.getresponse()
        return answer, answer.read()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, *, cut: bool = False
    ) -> None:
        # Recorded before it is sent: a client that has its answer finds the exchange listed.
        self.owner.record(Exchange(self.command, self.path, status))
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = self.close_connection or cut

    def _hang_up(self) -> None:
        self.owner.record(Exchange(self.command, self.path, 0))
        self.close_connection = True
