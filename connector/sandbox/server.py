"""The HTTP side: sockets, keep-alive, gzip."""

import gzip
import socket
import sys
import threading
import time
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from .api import Api, refused
from .behaviour import Behaviour, Extension
from .exchange import FHIR_JSON, Request, Response
from .outcome import Refusal

BASE_PATH = "/fhir"
_GZIP_FROM = 1_000  # bytes; below it compressing costs more than it saves


class RequestRecord(NamedTuple):
    """A request that reached the sandbox. `status` is 0 when it was left without an answer."""

    method: str
    path: str
    query: str
    status: int


class Server(ThreadingHTTPServer):
    """One thread for each connection; `close` also ends the connections that are kept alive."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], behaviour: Behaviour) -> None:
        super().__init__(address, _Handler)
        self.clock_ahead_s = behaviour.clock_ahead_s
        self.api: Api | None = None  # set once the port is known
        self.extension = Extension()
        self.body_limit = behaviour.body_limit
        self.records: list[RequestRecord] = []
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of the server's; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop serving and cut every connection."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            _cut(connection)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "connector-sandbox"
    wbufsize = 1 << 16  # head and body in one write: two would wait for a delayed ACK
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        url = f"http://{self.headers.get('Host', '')}{self.path}"
        try:
            body = self._body()
        except Refusal as refusal:
            self._send(refused(refusal))
            return
        response = self.server.extension.carry(
            self.command, self.path, url, lambda: self._answer(url, body), self.server.closing
        )
        if response is None:
            self._drop()
        else:
            self._send(response)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _serve

    def _answer(self, url: str, body: bytes) -> Response:
        path, _, query = self.path.partition("?")
        assert self.server.api is not None  # set before the first request is accepted
        headers = {name.lower(): value for name, value in self.headers.items()}
        if found := self.server.extension.beside(self.command, path, headers, body):
            return found
        if path != BASE_PATH and not path.startswith(f"{BASE_PATH}/"):
            return refused(Refusal(404, "not-found", "The FHIR server is not here"))
        segments = [unquote(part) for part in path[len(BASE_PATH) :].strip("/").split("/") if part]
        fields = parse_qsl(query, keep_blank_values=True)
        return self.server.api.answer(Request(self.command, url, segments, fields, headers, body))

    def _body(self) -> bytes:
        if "Transfer-Encoding" in self.headers or "Content-Encoding" in self.headers:
            self.close_connection = True
            raise Refusal(415, "not-supported", "A body must be plain, its length announced")
        length = int(self.headers.get("Content-Length") or 0)
        if length <= self.server.body_limit:
            return self.rfile.read(length)
        # Taken in and thrown away: a client that is still sending would not read the answer.
        while length > 0 and (chunk := self.rfile.read(min(length, 1 << 20))):
            length -= len(chunk)
        raise Refusal(413, "too-long", f"More than {self.server.body_limit} bytes")

    def _send(self, response: Response) -> None:
        self._record(response.status)
        headers = {"Content-Type": FHIR_JSON} if response.body else {}
        headers |= response.headers
        body = response.body
        if "gzip" in self.headers.get("Accept-Encoding", "") and len(body) >= _GZIP_FROM:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        self.send_response(response.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if response.cut else body)
        self.wfile.flush()
        self.close_connection |= response.cut

    def _drop(self) -> None:
        self._record(0)
        self.close_connection = True
        _cut(self.connection)

    def _record(self, status: int) -> None:
        path, _, query = self.path.partition("?")
        self.server.records.append(RequestRecord(self.command, path, query, status))

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The time by this server's own clock, for `Date`."""
        now = time.time() if timestamp is None else timestamp
        return super().date_time_string(now + self.server.clock_ahead_s)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class cannot parse is answered as FHIR too."""
        if not hasattr(self, "headers"):  # what came is no HTTP: the first bytes of TLS, say
            self.path, self.headers = "", Message()
        refusal = Refusal(int(code), "structure", message or explain or "Bad request")
        self.close_connection = True
        self._send(refused(refusal))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: URLs hold patient ids."""


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster
