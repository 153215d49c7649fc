"""A tiny scripted server on loopback: says what it is told to, keeps what it was asked."""

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Literal

CERTIFICATE = Path(__file__).with_name("loopback.pem")


@dataclass(frozen=True)
class Seen:
    """One request as it came in; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """One answer. `promise`: Content-Length to claim; `stall`: never answer; `raw`: just this.

    `drip`: one byte now and then, without end, from the headers on or after them.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    promise: int | None = None
    stall: bool = False
    raw: bytes = b""
    drip: Literal["", "headers", "body"] = ""


class Scripted:
    """Gives `replies` in turn, the last one again and again. `seen`: all requests so far.

    `client_ca`: over TLS, asks for our certificate.
    """

    def __init__(self, *replies: Reply, tls: bool = False, client_ca: bool = False) -> None:
        self.replies = list(replies) or [Reply()]
        self.seen: list[Seen] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            if client_ca:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(CERTIFICATE)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        self.base = f"{self.origin}/fhir"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> "Scripted":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def _handler(script: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True  # head and body are two writes: the second waits for no ACK
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = script.answer(Seen(self.command, self.path, headers, self.rfile.read(length)))
            if reply.stall:
                script.closing.wait(30)
                self.close_connection = True
                return
            if reply.raw:
                self.wfile.write(reply.raw)
                self.close_connection = True
                return
            if reply.drip:
                self._drip(reply.drip)
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            promise = len(reply.body) if reply.promise is None else reply.promise
            self.send_header("Content-Length", str(promise))
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = promise != len(reply.body)

        def _drip(self, what: str) -> None:
            self.close_connection = True
            head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n"
            self.wfile.write(head + (b"X-Long: " if what == "headers" else b"\r\n"))
            while not script.closing.wait(0.02):
                self.wfile.write(b"x")

        do_GET = do_POST = do_PUT = _serve

        def log_message(self, *_: object) -> None:
            """Tests are silent."""

    return Handler
