"""A server in front of a sandbox, over real HTTP, that does on demand what some servers do."""

import re
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.sandbox_parts import Sandbox

_PASSED = ("content-type", "accept", "if-none-exist", "if-match", "prefer", "cache-control")


class Asked(NamedTuple):
    """One request. `forward(body)` hands it on, with this or another body."""

    method: str
    path: str  # below the base, with the query
    body: bytes
    forward: "Callable[[bytes], Given]"

    @property
    def transaction(self) -> bool:
        return self.method == "POST" and self.path.strip("/") == ""

    @property
    def search(self) -> bool:
        return "_search" in self.path or "?" in self.path


class Given(NamedTuple):
    """One answer. `status` None: the connection is cut, and nothing is answered."""

    status: int | None
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed

    def replaced(self, pattern: bytes, new: bytes | Callable[..., bytes]) -> "Given":
        return self._replace(body=re.sub(pattern, new, self.body))


Hook = Callable[[Asked], Given | None]


class Relay:
    """`hook` answers a request, or (None) leaves it to the sandbox. Absolute URLs are ours."""

    def __init__(self, behind: Sandbox, hook: Hook) -> None:
        self.hook = hook
        self._behind = behind
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/fhir"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Given:
        path = target.removeprefix("/fhir").lstrip("/")

        def forward(sent: bytes) -> Given:
            return self._forward(method, target, sent, headers)

        given = self.hook(Asked(method, path, body, forward))
        return forward(body) if given is None else given

    def _forward(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Given:
        there = urlsplit(self._behind.base_url)
        passed = {name: value for name, value in headers.items() if name.lower() in _PASSED}
        sent = body.replace(self.base_url.encode(), self._behind.base_url.encode())
        connection = HTTPConnection(there.netloc)
        connection.request(method, target, sent or None, passed)
        answer = connection.getresponse()
        told = {
            name: value.replace(self._behind.base_url, self.base_url)
            for name, value in answer.getheaders()
            if name.lower() in ("content-type", "etag", "location", "retry-after")
        }
        content = answer.read().replace(self._behind.base_url.encode(), self.base_url.encode())
        connection.close()
        return Given(answer.status, content, told)


def _handler(relay: Relay) -> Any:
    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True  # head and body are two writes: the second waits for no ACK
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else b""
            given = relay.answer(self.command, self.path, body, dict(self.headers))
            if given.status is None:
                self.close_connection = True
                return
            self.send_response(given.status)
            headers = {"Content-Type": "application/fhir+json", **given.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

    return Handler
