"""One FHIR server: read until there is an answer that counts, written to once.

Credentials belong to one origin (scheme, host, port): nothing else ever gets them, and another
origin is asked only if the operator named it.
"""

import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, Literal

from ..errors import Answered, Forbidden, Unreachable
from ..settings import EndpointSettings
from .bearer import NoAuth
from .exchange import Asked, Exchanges, Into
from .origin import joined, origin
from .pace import pace_of
from .retry import Again, Limits, Park, decide
from .scopes import READ, WRITE, Grant, letters_for
from .searching import Searches
from .shape import Answer, checked, cut_inside, describe
from .signin import sign_in

FHIR_JSON = "application/fhir+json"
_REDIRECTS_MAX = 3
_FORM = "application/x-www-form-urlencoded"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


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
        # None where packets go into a folder: there is nobody to ask.
        self._origin = origin(settings.base_url) if settings.base_url else ""
        self._origins = frozenset({self._origin, *map(origin, settings.allowed_origins)})
        self._limits = Limits(settings.attempts, settings.backoff_s, settings.wait_max_s)
        self._rights = (READ,) if role == "source" else (READ, WRITE)
        self._sign_in = sign_in(settings, self._ask_signed_out, types, self._rights)
        self._exchanges = Exchanges(settings, role, self._origin, body_max)
        ways = (self._search_by_post, self._search_by_get)
        self._searches = Searches(settings.search_by, role, *ways)

    @property
    def last_date(self) -> tuple[str, datetime] | None:
        """The server's `Date` as last said to us, and when (UTC)."""
        return self._exchanges.last_date

    def own_certificate(self) -> tuple[datetime, datetime] | None:
        """From when until when (UTC) the certificate that we show is good; None: we show none."""
        return self._exchanges.own_certificate()

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
        into = Into(sink, bytes_max, may_follow)
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
        body: bytes | None = None, into: Into | None = None,
    ) -> Asked:  # fmt: skip
        return Asked(method, *self._resolved(url), what, headers, body, into)

    def _read(self, asked: Asked) -> Answer:
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
                answer, problem = None, self._exchanges.unreachable(asked.what, why)
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

    def _followed(self, asked: Asked) -> Answer:
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

    def _exchange(self, asked: Asked) -> Answer:
        """One exchange; a second one with a new token when the server refuses the first (401)."""
        if asked.origin != self._origin:
            return self._exchanges.send(asked, NoAuth())
        for again in (False, True):
            auth = self._sign_in.credentials()
            answer = self._exchanges.send(asked, auth)
            if not self._sign_in.heard(auth, answer.status, again):
                break
        return answer

    def _ask_signed_out(
        self, method: str, url: str, what: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        return self._exchanges.send(Asked(method, url, origin(url), what, headers, body), NoAuth())
