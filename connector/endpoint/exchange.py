"""One exchange over HTTP: sent once, its answer read whole, within limits of time and size.

Each thread has connections of its own, and each origin its own cookies. The exceptions of
`requests` hold URLs, and those hold patient ids: they never leave this module.
"""

import io
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3 import exceptions as wire_errors

from .. import keys
from ..errors import TooLarge, Unreachable
from ..failpoint import reach
from ..settings import EndpointSettings
from .pace import pace_of
from .shape import Answer
from .signin import secret_header
from .trust import context
from .wire import broken, new_session, unpacked

_log = logging.getLogger("connector.exchange")  # no URL and no content: it may be shown


@dataclass(frozen=True, slots=True)
class Into:
    """Where the body of a success is written, how large it may be, where it may come from."""

    sink: IO[bytes]
    bytes_max: int
    may_follow: Callable[[str], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Asked:
    """One exchange to be had. `what`: a safe phrase for messages. `origin`: that of `url`."""

    method: str
    url: str
    origin: str
    what: str
    headers: Mapping[str, str]
    body: bytes | None = None
    into: Into | None = None


class Exchanges:
    """Exchanges with one server and what it points to. Safe to share between threads."""

    def __init__(self, settings: EndpointSettings, role: str, home: str, body_max: int) -> None:
        """`home`: the server's origin, which alone gets our headers and sees our certificate."""
        self._settings = settings
        self._role = role
        self._home = home
        self._body_max = body_max
        # Our certificate is a credential too: it belongs to the one origin.
        own = (settings.client_cert_file, settings.client_key_file)
        self._abroad = context(settings.ca_file)
        self._at_home = context(settings.ca_file, *own) if own[0] else self._abroad
        self._certificate = own[0].read_bytes() if own[0] else b""
        self._local = threading.local()
        self.last_date: tuple[str, datetime] | None = None  # as last said to us, and when (UTC)

    def own_certificate(self) -> tuple[datetime, datetime] | None:
        """From when until when (UTC) the certificate that we show is good; None: we show none."""
        return keys.life_of_certificate(self._certificate) if self._certificate else None

    def send(self, asked: Asked, auth: AuthBase) -> Answer:
        """Any answer, whatever its status. Raises `Unreachable` for none or a part, `TooLarge`."""
        timeout = (self._settings.connect_timeout_s, self._settings.read_timeout_s)
        pace_of(asked.origin).wait(self._settings.requests_per_second)
        reach("send.before")
        began = time.monotonic()
        try:
            with self._session(asked.origin).request(
                asked.method, asked.url, data=asked.body, headers=dict(asked.headers), auth=auth,
                timeout=timeout, allow_redirects=False, stream=True,
            ) as response:  # fmt: skip
                reach("receive.before")
                content = self._body(response, asked.what, asked.into)
                lowered = {name.lower(): value for name, value in response.headers.items()}
                answer = Answer(response.status_code, lowered, content)
        except (requests.RequestException, wire_errors.HTTPError) as error:
            self._note(asked, broken(error), began)
            raise self.unreachable(asked.what, broken(error)) from None
        if "date" in answer.headers:
            self.last_date = answer.headers["date"], datetime.now(UTC)
        self._note(asked, f"HTTP {answer.status}", began)
        reach("receive.after")
        return answer

    def _note(self, asked: Asked, came: str, began: float) -> None:
        """What is asked, what came, how long it took."""
        took_s = time.monotonic() - began
        _log.debug("%s %s %s: %s, %.2f s", self._role, asked.method, asked.what, came, took_s)

    def _body(self, response: requests.Response, what: str, into: Into | None) -> bytes:
        """The body, or nothing once it is written where it was wanted."""
        whole = io.BytesIO()
        if into is None or not response.ok:
            into = Into(whole, self._body_max)
        size = into.sink.seek(0)
        into.sink.truncate()  # what a try that broke off left there
        for piece in unpacked(response):
            size += len(piece)
            if size > into.bytes_max:  # counted after decompression: a gzip bomb ends here too
                raise TooLarge(
                    f"{what}: the answer is larger than {into.bytes_max} bytes",
                    "Ask for smaller pages (page_size), or raise the limit in the configuration.",
                )
            into.sink.write(piece)
        return whole.getvalue()

    def unreachable(self, what: str, why: str) -> Unreachable:
        """The error for an exchange that brought no whole answer."""
        life = self.own_certificate()
        if life and life[1] < datetime.now(UTC):
            # A server may hang up without saying so.
            why += f"; our certificate ended on {life[1]:%Y-%m-%d}"
        return Unreachable(
            f"{what}: no whole answer from the {self._role} ({why})",
            "Perhaps the server does not accept our certificate any more: `connector doctor` tells"
            " its end. Put a good one where client_cert_file points."
            if life and "TLS" in why
            else "Check the network, the address and the certificate with `connector doctor`.",
        )

    def _session(self, to: str) -> requests.Session:
        """This thread's session with the origin `to`: its cookies go nowhere else."""
        sessions: dict[str, requests.Session] = self._local.__dict__.setdefault("sessions", {})
        if to not in sessions:
            ours = to == self._home
            trust = self._at_home if ours else self._abroad
            sessions[to] = new_session(
                self._settings.answer_timeout_s, trust, urlsplit(to).hostname
            )
            for name, value in self._settings.headers.items() if ours else ():
                plain = value if isinstance(value, str) else secret_header(name, value)
                sessions[to].headers[name] = plain
        return sessions[to]
