"""The bytes of an answer: none may take for ever, be cut without notice or unpack without end.

A time limit of a socket starts anew with every byte, and so does that of `requests`: a server
that drips keeps a client for days. Here each read from the socket, headers included, is given
only what is left until the whole answer has to be there.
"""

import io
import time
import zlib
from collections.abc import Iterator
from contextvars import ContextVar
from http.client import HTTPException, HTTPResponse
from socket import socket
from ssl import SSLContext
from typing import Any
from urllib.request import getproxies_environment

import requests
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .. import __version__
from ..loopback import past_proxies
from .trust import TrustAdapter, refusal

CHUNK = 256 * 1024
_READ = 64 * 1024
_CODINGS = ("gzip", "x-gzip", "deflate")
_CODINGS_MAX = 2  # one inside the other; we ask for one
_LINE_MAX = 64 * 1024  # of the size of a chunk, of a trailer: nothing else limits it

_NO_ADDRESS = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)

# When the answer being read has to be there, by the monotonic clock.
_due: ContextVar[float] = ContextVar("due", default=float("inf"))


class _LimitedAdapter(TrustAdapter):
    """Transport of one session; an answer takes at most `answer_s` seconds, headers and body."""

    def __init__(self, answer_s: float, trust: SSLContext) -> None:
        self._answer_s = answer_s
        super().__init__(trust)

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        _due.set(time.monotonic() + self._answer_s)
        return super().send(*args, **kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Timely(io.RawIOBase):
    """The incoming side of a socket until the moment at which the answer is due."""

    def __init__(self, raw: io.RawIOBase, sock: socket) -> None:
        self._raw = raw
        self._sock = sock
        self._silence_s = sock.gettimeout()
        self._due = _due.get()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._due - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer is overdue")
        self._sock.settimeout(left_s if self._silence_s is None else min(left_s, self._silence_s))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Lines(io.BufferedReader):
    """Whose lines have an end: what is longer comes in pieces, and is no line that HTTP knows."""

    def readline(self, size: int | None = -1, /) -> bytes:
        return super().readline(_LINE_MAX if size is None or size < 0 else size)


class _Response(HTTPResponse):
    def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: io.BufferedReader = _Lines(_Timely(self.fp.detach(), sock), _READ)


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Session(requests.Session):
    """Leaves redirects alone.

    `requests` prepares the next request even when told not to follow: it would read the body
    without our limit, and raise on an address that it can't read.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        return None


def new_session(answer_s: float, trust: SSLContext, host: str | None) -> requests.Session:
    """A session whose answers take at most `answer_s` seconds each; for one thread, one origin.

    `host`: of that origin. This machine is never asked through a proxy of the environment: what
    goes there may be unencrypted, since it never leaves the machine.
    """
    session = _Session()
    session.trust_env = not past_proxies(host)
    session.headers["User-Agent"] = f"second-opinion-connector/{__version__}"
    session.headers["Accept-Encoding"] = "gzip"
    for scheme in ("http://", "https://"):
        session.mount(scheme, _LimitedAdapter(answer_s, trust))
    return session


def unpacked(response: requests.Response) -> Iterator[bytes]:
    """The body in pieces of at most `CHUNK` bytes, decompressed.

    Raises the errors of urllib3: a body shorter than announced, one that is overdue, and
    `DecodeError` for a coding that was not asked for or a compressed stream that ends inside.
    """
    pieces: Iterator[bytes] = response.raw.stream(CHUNK, decode_content=False)
    named = response.headers.get("Content-Encoding", "").lower().split(",")
    codings = [name for name in map(str.strip, named) if name not in ("", "identity")]
    if len(codings) > _CODINGS_MAX or not set(codings) <= set(_CODINGS):
        raise exceptions.DecodeError("a coding that was not asked for")
    for _ in codings:
        pieces = _inflated(pieces)
    return _sound(pieces)


def _sound(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """`pieces`, with whatever else a library below makes of a malformed body (a chunk's size)."""
    try:
        yield from pieces
    except (ValueError, HTTPException) as error:
        raise exceptions.ProtocolError("a malformed body") from error


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    stream: Any = None  # gzip or zlib, as its first bytes say; gzip may hold several in a row
    for piece in pieces:
        rest = piece
        while rest:
            if stream is None or stream.eof:
                stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
            try:
                yield stream.decompress(rest, CHUNK)
            except zlib.error:
                raise exceptions.DecodeError("not compressed as it says") from None
            rest = stream.unused_data if stream.eof else stream.unconsumed_tail
        while stream is not None and not stream.eof and (more := stream.decompress(b"", CHUNK)):
            yield more
    if stream is not None and not stream.eof:
        raise exceptions.DecodeError("a compressed stream that ends inside")


def broken(error: requests.RequestException | exceptions.HTTPError) -> str:
    """What went wrong in words of ours: the library's text would hold the URL."""
    if isinstance(error, exceptions.SSLError | requests.exceptions.SSLError):
        return refusal(error)
    if unreached := _unreached(error):
        return unreached
    for kind, words in (
        (exceptions.ReadTimeoutError, "time limit while reading"),
        (exceptions.DecodeError, "the answer could not be decompressed"),
        (exceptions.HTTPError, "the answer was cut short"),
        (requests.exceptions.ProxyError, "no way through the proxy"),
        (requests.exceptions.ConnectTimeout, "time limit while connecting"),
        (requests.exceptions.ReadTimeout, "time limit while reading"),
        (requests.exceptions.ConnectionError, "connection failed or broke"),
    ):
        if isinstance(error, kind):
            return words
    # Our own addresses are looked at before; of a proxy's, nobody did.
    if isinstance(error, _NO_ADDRESS) and getproxies_environment():
        return "the proxy's address can't be used"
    return "the request could not be made"


def _unreached(error: BaseException | None) -> str:
    """Why there was no connection at all, where the system says so; else empty."""
    if isinstance(error, requests.exceptions.ProxyError):
        return ""  # it is the proxy that was not reached
    for _ in range(10):  # wrapped as an argument, a reason or a cause
        if isinstance(error, exceptions.NameResolutionError):
            return "the host is unknown: its name has no address"
        if isinstance(error, ConnectionRefusedError):
            return "connection refused"
        if error is None:
            break
        inside = next((one for one in error.args if isinstance(one, BaseException)), None)
        error = getattr(error, "reason", None) or inside or error.__cause__ or error.__context__
    return ""
