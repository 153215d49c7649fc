"""Access tokens: fetched when needed, kept in memory, renewed before they end (RFC 6749 4.4).

The token endpoint may be another host. It gets what proves who we are, made for it, and never the
token; the token goes to the FHIR server's origin only. Its errors are told by their code.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from requests.auth import AuthBase

from ..errors import Forbidden, SignInFailed, Unreachable
from ..settings import EndpointSettings
from . import discovery
from .client_authentication import proving
from .discovery import Discovered
from .retry import Again, Limits, Park, decide
from .scopes import Grant, least, parse
from .shape import Answer
from .token_response import WHAT, Token, error_of, refusal, token_of

# (method, URL, words for messages, headers, body) → any answer; raises `Unreachable`, `Forbidden`.
Ask = Callable[[str, str, str, Mapping[str, str], bytes | None], Answer]

_FORM = "application/x-www-form-urlencoded"


class Tokens:
    """Signs in by client credentials. One fetch serves all threads: the others wait for it.

    `types`: resource types that scopes are asked for; `rights`: of `scopes.READ`, `scopes.WRITE`.
    """

    hint = (
        "The server refuses a token that was made a moment ago: perhaps it trusts another issuer"
        " than the one at token_url, the token is for another audience, or their clocks differ."
        " Compare token_url with the server's .well-known/smart-configuration."
    )

    def __init__(
        self,
        settings: EndpointSettings,
        ask: Ask,
        types: Collection[str],
        rights: Collection[str],
    ) -> None:
        self._settings = settings
        self._auth = settings.auth
        self._ask = ask
        self._types = types
        self._rights = rights
        self._limits = Limits(settings.attempts, settings.backoff_s, settings.wait_max_s)
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._refused = False  # the token in hand, and the one before it, for the same request
        self._discovered: Discovered | None = None
        self._prove = proving(settings.auth)

    def credentials(self) -> AuthBase:
        """A token that is good for a while. Raises `SignInFailed` or `Waiting`."""
        return self._current().bearer

    def grant(self) -> Grant:
        """What the token in hand allows. Raises `SignInFailed` or `Waiting`."""
        return self._current().grant

    def heard(self, used: AuthBase, status: int, again: bool) -> bool:
        """After the server answered `status` to `used`: whether to ask again with another token.

        `again`: this request was refused with another token before; a third would not help, nor
        would it help any other request until a token is accepted.
        """
        with self._lock:
            in_hand = self._token is not None and self._token.bearer is used
            if status != 401:
                self._refused = self._refused and not in_hand
                return False
            if again:
                self._refused = self._refused or in_hand
                return False
            if not in_hand:
                return True  # another thread was faster
            if self._refused:
                return False
            self._token = None
            return True

    def _current(self) -> Token:
        with self._lock:
            token = self._token
            if token is None or (token.renew_at is not None and time.monotonic() >= token.renew_at):
                self._token = token = self._fetch()
            return token

    def _fetch(self) -> Token:
        token_url, asked = self._asked()
        answer = self._patiently(lambda: self._request(token_url, asked))
        if not answer.ok:
            raise refusal(answer, asked, self._auth.type)
        return token_of(answer, asked)

    def _request(self, token_url: str, asked: tuple[str, ...]) -> Answer:
        headers, proof = self._prove(token_url)
        form = {"grant_type": "client_credentials", **proof}
        if asked:
            form["scope"] = " ".join(asked)
        sent = {"Accept": "application/json", "Content-Type": _FORM, **headers}
        answer = self._ask("POST", token_url, WHAT, sent, urlencode(form).encode())
        if answer.status == 400 and error_of(answer) is None:
            # A 400 that says nothing comes from something in between, and passes (seen at Epic).
            return Answer(503, answer.headers, b"")
        return answer

    def _asked(self) -> tuple[str, tuple[str, ...]]:
        """Where to ask for a token, and for which scopes."""
        auth = self._auth
        if auth.token_url and auth.scopes:
            return auth.token_url, auth.scopes
        if self._discovered is None:
            self._discovered = self._discover()
        found = self._discovered
        if auth.scopes:
            return found.token_url, auth.scopes
        types = self._types if parse(found.scopes_supported) else self._declared()
        asked = least(types, self._rights, found.capabilities, found.scopes_supported)
        return found.token_url, asked

    def _discover(self) -> Discovered:
        base = self._settings.base_url
        url, headers = discovery.address(base), {"Accept": "application/json"}
        answer = self._patiently(lambda: self._ask("GET", url, WHAT, headers, None))
        return discovery.discovered(answer, base, self._auth.token_url)

    def _declared(self) -> Collection[str]:
        """The types the server says it has, of those needed: an unknown one may be refused."""
        url = f"{self._settings.base_url}/metadata"
        try:
            answer = self._ask("GET", url, WHAT, {"Accept": "application/fhir+json"}, None)
        except Unreachable:
            return self._types
        declared = discovery.declared(answer)
        return [name for name in self._types if name in declared] or self._types

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Ask until there is an answer that counts, each time anew. `SignInFailed` or `Waiting`."""
        for attempt in range(1, self._limits.attempts + 2):
            answer, problem = None, None
            try:
                answer = ask()
            except (Unreachable, Forbidden) as error:
                problem = SignInFailed(str(error), error.what_to_do)
            status = answer.status if answer else None
            retry_after = answer.headers.get("retry-after") if answer else None
            date = answer.headers.get("date") if answer else None
            decision = decide(attempt, status, retry_after, datetime.now(UTC), self._limits, date)
            if isinstance(decision, Park):
                raise decision.waiting(WHAT, "server")
            if isinstance(decision, Again):
                time.sleep(decision.after_s)
            elif answer is not None:
                return answer
            else:
                assert problem is not None
                raise problem
        raise AssertionError("the retry decision ends every loop")
