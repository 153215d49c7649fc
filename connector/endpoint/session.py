"""HTTP exchanges with one FHIR server.

Credentials belong to one origin (scheme, host, port): nothing else ever gets them, and another
origin is asked only if the operator named it. Every exchange has time and size limits. The
exceptions of `requests` hold URLs, and those hold patient ids: they never leave this module.
"""

import io
import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import IO, Literal
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3 import exceptions as wire_errors

from .. import keys
from ..errors import Answered, Forbidden, TooLarge, Unreachable
from ..failpoint import reach
from ..settings import EndpointSettings
from .bearer import NoAuth
from .origin import joined, origin
from .pace import pace_of
from .retry import Again, Limits, Park, decide
from .scopes import READ, WRITE, Grant, letters_for
from .searching import Searches
from .shape import Answer, checked, cut_inside, describe
from .signin import secret_header, sign_in
from .trust import context
from .wire import broken, new_session, unpacked

FHIR_JSON = "application/fhir+json"
_REDIRECTS_MAX = 3
_log = logging.getLogger("connector.exchange")  # no URL and no content: it may be shown
_FORM = "application/x-www-form-urlencoded"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class _Into:
    """Where the body of a success is written, how large it may be, where it may come from."""

    sink: IO[bytes]
    bytes_max: int
    may_follow: Callable[[str], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class _Asked:
    """One exchange to be had. `what`: a safe phrase for messages. `origin`: that of `url`."""

    method: str
    url: str
    origin: str
    what: str
    headers: Mapping[str, str]
    body: bytes | None = None
    into: _Into | None = None


class Endpoint:
    """One configured server. Safe to share between threads: each has its own connections."""

    def __init__(
        self,
        settings: EndpointSettings,
        role: Literal["source", "destination"],
        body_max: int = 100_000_000,
        types: Collection[str] = (),
    ) -> None:
        """`types`: those read here (and written, at a destination), to ask scopes for."""
        self.settings = settings
        self.role = role
        self.base_url = settings.base_url
        self._body_max = body_max
        # None where packets go into a folder: there is nobody to ask.
        self._origin = origin(settings.base_url) if settings.base_url else ""
        self._origins = frozenset({self._origin, *map(origin, settings.allowed_origins)})
        self._limits = Limits(settings.attempts, settings.backoff_s, settings.wait_max_s)
        self._rights = (READ,) if role == "source" else (READ, WRITE)
        self._sign_in = sign_in(settings, self._ask_signed_out, types, self._rights)
        # Our certificate is a credential too: it belongs to the one origin.
        own = (settings.client_cert_file, settings.client_key_file)
        self._abroad = context(settings.ca_file)
        self._at_home = context(settings.ca_file, *own) if own[0] else self._abroad
        self._certificate = own[0].read_bytes() if own[0] else b""
        self._local = threading.local()
        self.last_date: tuple[str, datetime] | None = None  # as last said to us, and when (UTC)
        ways = (self._search_by_post, self._search_by_get)
        self._searches = Searches(settings.search_by, role, *ways)

    def own_certificate(self) -> tuple[datetime, datetime] | None:
        """From when until when (UTC) the certificate that we show is good; None: we show none."""
        return keys.life_of_certificate(self._certificate) if self._certificate else None

    def grant(self) -> Grant | None:
        """What our token allows; None where there is no token to ask about.

        Signs in if that has not happened yet. Raises `SignInFailed` or `Waiting`.
        """
        return self._sign_in.grant()

    def granted(self, resource_type: str) -> bool | None:
        """Whether we may read (at a destination: and write) this type; None: nobody said.

        Signs in if that has not happened yet. Raises `SignInFailed` or `Waiting`.
        """
        grant = self.grant()
        return None if grant is None else grant.allows(resource_type, self._letters(resource_type))

    def granted_in_part(self, resource_type: str) -> bool:
        """Whether the scope of this type is narrowed by a query. Raises as `granted`."""
        grant = self.grant()
        return grant is not None and grant.in_part(resource_type, self._letters(resource_type))

    def _letters(self, resource_type: str) -> str:
        return letters_for(resource_type, "".join(self._rights))

    def get(self, url: str, what: str, *, accept: str = FHIR_JSON, fresh: bool = False) -> Answer:
        """GET until there is an answer that counts. `url`: below the base, or absolute.

        `what` is a safe phrase for messages ("Observation search"). `fresh` asks a server that
        reuses search results not to (HAPI does for a minute). Raises `Answered` for any status
        that is not a success, `Unreachable`, `Forbidden`, or `Waiting` for a long Retry-After.
        """
        headers = {"Accept": accept} | ({"Cache-Control": "no-cache"} if fresh else {})
        answer = self._read(self._asked("GET", url, what, headers))
        return checked(answer, what) if accept == FHIR_JSON else answer

    def download(
        self,
        url: str,
        what: str,
        sink: IO[bytes],
        bytes_max: int,
        *,
        accept: str,
        may_follow: Callable[[str], bool] = lambda _: True,
    ) -> Answer:
        """GET a body of any type and size into `sink`, which holds it and nothing else then.

        `may_follow`: whether a redirect to this address is followed. Raises what `get` raises, and
        `TooLarge` for more than `bytes_max` bytes.
        """
        into = _Into(sink, bytes_max, may_follow)
        return self._read(self._asked("GET", url, what, {"Accept": accept}, None, into))

    def search(self, resource_type: str, parameters: Mapping[str, str], what: str) -> Answer:
        """Search by POST, or by GET where the settings say so. Raises what `get` raises."""
        return self._searches.ask(resource_type, parameters, what)

    def at_once(self, most: int, length: int) -> int:
        """How many values of about `length` characters fit into one search; `most` by POST."""
        return self._searches.at_once(most, length)

    def _search_by_post(self, resource_type: str, query: str, what: str) -> Answer:
        headers = {"Accept": FHIR_JSON, "Content-Type": _FORM, "Cache-Control": "no-cache"}
        asked = self._asked("POST", f"{resource_type}/_search", what, headers, query.encode())
        return checked(self._read(asked), what)

    def _search_by_get(self, resource_type: str, query: str, what: str) -> Answer:
        return self.get(f"{resource_type}?{query}", what, fresh=True)

    def operation(self, url: str, parameters: bytes, what: str) -> Answer:
        """POST `Parameters` to an operation that only reads (R4 operations.html#executing)."""
        headers = {"Accept": FHIR_JSON, "Content-Type": FHIR_JSON, "Cache-Control": "no-cache"}
        return checked(self._read(self._asked("POST", url, what, headers, parameters)), what)

    def write(
        self,
        method: str,
        url: str,
        body: bytes,
        what: str,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One write, tried exactly once: any answer is returned, whatever its status.

        Raises `Unreachable` when it is unclear whether the server did the work: settle by reading.
        """
        sent = {"Accept": FHIR_JSON, "Content-Type": FHIR_JSON, **(headers or {})}
        return self._exchange(self._asked(method, url, what, sent, body))

    def after(self, attempt: int, answer: Answer | None) -> Again | Park | None:
        """The retry decision for a write whose outcome is settled; None: give up."""
        status = answer.status if answer else None
        retry_after = answer.headers.get("retry-after") if answer else None
        date = answer.headers.get("date") if answer else None
        decision = decide(attempt, status, retry_after, datetime.now(UTC), self._limits, date)
        return decision if isinstance(decision, Again | Park) else None

    def resolve(self, url: str) -> str:
        """An absolute URL for one below the base or one the server gave. `Forbidden` if foreign."""
        return self._resolved(url)[0]

    def may_ask(self, absolute: str) -> bool:
        """Whether an absolute URL is this server's, or at an origin that the operator named."""
        return origin(absolute) in self._origins

    def _resolved(self, url: str) -> tuple[str, str]:
        """As `resolve`, with its origin."""
        absolute = url if _ABSOLUTE.match(url) else joined(self.base_url + "/", url)
        at = origin(absolute)
        if at in self._origins:
            return absolute, at
        raise Forbidden(
            f"the {self.role} points to another origin, which gets no request from us",
            "If that host belongs to the server, add it to allowed_origins of this endpoint.",
        )

    def _asked(
        self, method: str, url: str, what: str, headers: Mapping[str, str],
        body: bytes | None = None, into: _Into | None = None,
    ) -> _Asked:  # fmt: skip
        return _Asked(method, *self._resolved(url), what, headers, body, into)

    def _read(self, asked: _Asked) -> Answer:
        pace = pace_of(asked.origin)
        for attempt in range(1, self._limits.attempts + 2):
            answer, problem = None, None
            try:
                answer = self._followed(asked)
            except Unreachable as error:
                problem = error
            if answer is not None and answer.ok:
                why = "only a part of it (206)" if answer.status == 206 else ""  # never asked for
                if asked.into is None and cut_inside(answer):
                    why = "the answer was cut short"
                if not why:
                    pace.answered()
                    return answer
                answer, problem = None, self._unreachable(asked.what, why)
            decision = self.after(attempt, answer)
            if isinstance(decision, Park):
                raise decision.waiting(asked.what, self.role)
            if decision is None or not pace.may_ask_again():
                if problem is not None:
                    raise problem
                assert answer is not None
                hint = self._sign_in.hint if answer.status == 401 else ""
                raise Answered(answer.status, f"{asked.what}: {describe(answer)}", hint)
            time.sleep(decision.after_s)
        raise AssertionError("the retry decision ends every loop")

    def _followed(self, asked: _Asked) -> Answer:
        answer = self._exchange(asked)
        for _ in range(_REDIRECTS_MAX):
            if answer.status not in (301, 302, 307, 308) or "location" not in answer.headers:
                break
            url, at = self._resolved(joined(asked.url, answer.headers["location"]))
            if asked.into is not None and not asked.into.may_follow(url):
                raise Forbidden(
                    f"{asked.what}: the {self.role} sends us on to an address that we don't ask",
                    "Ask the people who run that server.",
                )
            asked = replace(asked, url=url, origin=at)
            answer = self._exchange(asked)
        return answer

    def _exchange(self, asked: _Asked) -> Answer:
        """One exchange; a second one with a new token when the server refuses the first (401)."""
        if asked.origin != self._origin:
            return self._send(asked, NoAuth())
        for again in (False, True):
            auth = self._sign_in.credentials()
            answer = self._send(asked, auth)
            if not self._sign_in.heard(auth, answer.status, again):
                break
        return answer

    def _ask_signed_out(
        self, method: str, url: str, what: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        return self._send(_Asked(method, url, origin(url), what, headers, body), NoAuth())

    def _send(self, asked: _Asked, auth: AuthBase) -> Answer:
        timeout = (self.settings.connect_timeout_s, self.settings.read_timeout_s)
        pace_of(asked.origin).wait(self.settings.requests_per_second)
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
            raise self._unreachable(asked.what, broken(error)) from None
        if "date" in answer.headers:
            self.last_date = answer.headers["date"], datetime.now(UTC)
        self._note(asked, f"HTTP {answer.status}", began)
        reach("receive.after")
        return answer

    def _note(self, asked: _Asked, came: str, began: float) -> None:
        """What is asked, what came, how long it took."""
        took_s = time.monotonic() - began
        _log.debug("%s %s %s: %s, %.2f s", self.role, asked.method, asked.what, came, took_s)

    def _body(self, response: requests.Response, what: str, into: _Into | None) -> bytes:
        """The body, or nothing once it is written where it was wanted."""
        whole = io.BytesIO()
        if into is None or not response.ok:
            into = _Into(whole, self._body_max)
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

    def _unreachable(self, what: str, why: str) -> Unreachable:
        life = self.own_certificate()
        if life and life[1] < datetime.now(UTC):
            # A server may hang up without saying so.
            why += f"; our certificate ended on {life[1]:%Y-%m-%d}"
        return Unreachable(
            f"{what}: no whole answer from the {self.role} ({why})",
            "Perhaps the server does not accept our certificate any more: `connector doctor` tells"
            " its end. Put a good one where client_cert_file points."
            if life and "TLS" in why
            else "Check the network, the address and the certificate with `connector doctor`.",
        )

    def _session(self, to: str) -> requests.Session:
        """This thread's session with the origin `to`: its cookies go nowhere else."""
        sessions: dict[str, requests.Session] = self._local.__dict__.setdefault("sessions", {})
        if to not in sessions:
            ours = to == self._origin
            trust = self._at_home if ours else self._abroad
            sessions[to] = new_session(self.settings.answer_timeout_s, trust, urlsplit(to).hostname)
            for name, value in self.settings.headers.items() if ours else ():
                plain = value if isinstance(value, str) else secret_header(name, value)
                sessions[to].headers[name] = plain
        return sessions[to]
