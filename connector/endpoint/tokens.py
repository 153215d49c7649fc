"""Access tokens: fetched when needed, kept in memory, renewed before they end (RFC 6749 4.4).

The token endpoint may be another host. It gets what proves who we are, made for it, and never the
token; the token goes to the FHIR server's origin only. Its errors are told by their code.
"""

import math
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode, urlsplit

from requests.auth import AuthBase

from .. import keys
from ..errors import Forbidden, SignInFailed, Unreachable
from ..fhir.capability import parse as parse_capability
from ..fhir.lossless import UndecodableError, decode
from ..loopback import is_loopback
from ..settings import EndpointSettings
from .assertion import client_assertion
from .bearer import Bearer, is_token
from .origin import joined
from .retry import Again, Limits, Park, decide
from .scopes import Grant, least, parse

if TYPE_CHECKING:
    from .shape import Answer

# (method, URL, words for messages, headers, body) → any answer; raises `Unreachable`, `Forbidden`.
Ask = Callable[[str, str, str, Mapping[str, str], bytes | None], "Answer"]

WHAT = "sign-in"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 2.2
_FORM = "application/x-www-form-urlencoded"
_EARLY_S = 60.0  # renewed so long before its end, or at half its life if that is shorter
# RFC 6749 5.2. Anything else that stands in `error` is not repeated.
_HINTS = {
    "invalid_client": "",
    "invalid_scope": "Set `scopes` in auth to those this client was given.",
    "unauthorized_client": "Ask its people to allow client_credentials for this client.",
    "unsupported_grant_type": "That server does not know backend services: use another auth type.",
    "invalid_grant": "Compare the registration of this client with auth.",
    "invalid_request": "Compare the registration of this client with auth.",
}
_ABOUT_SCOPES = ("invalid_scope", "invalid_request")
# Where the token endpoint does not know us, by how we say who we are.
_WHO = {
    "smart": "Compare client_id, the registered public key, this machine's clock, and token_url"
    " (it has to be the address the server knows itself by).",
    "client-secret": "Compare client_id and client_secret with what was registered, and secret_in"
    " with what that server takes.",
}
_LIFE_MIN_S = 1.0


@dataclass(frozen=True, slots=True)
class _Token:
    bearer: Bearer
    grant: Grant
    renew_at: float | None  # monotonic seconds; None: it lives until the server refuses it


@dataclass(frozen=True, slots=True)
class _Discovered:
    """What the server's smart-configuration says, as far as it was needed."""

    token_url: str
    capabilities: tuple[str, ...]
    scopes_supported: tuple[str, ...]


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
        self._token: _Token | None = None
        self._refused = False  # the token in hand, and the one before it, for the same request
        self._discovered: _Discovered | None = None
        self._prove = self._by_key() if settings.auth.type == "smart" else self._by_secret()

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

    def _current(self) -> _Token:
        with self._lock:
            token = self._token
            if token is None or (token.renew_at is not None and time.monotonic() >= token.renew_at):
                self._token = token = self._fetch()
            return token

    def _fetch(self) -> _Token:
        token_url, asked = self._asked()
        answer = self._patiently(lambda: self._request(token_url, asked))
        if not answer.ok:
            raise _refusal(answer, asked, self._auth.type)
        return _token(answer, asked)

    def _request(self, token_url: str, asked: tuple[str, ...]) -> "Answer":
        headers, proof = self._prove(token_url)
        form = {"grant_type": "client_credentials", **proof}
        if asked:
            form["scope"] = " ".join(asked)
        sent = {"Accept": "application/json", "Content-Type": _FORM, **headers}
        answer = self._ask("POST", token_url, WHAT, sent, urlencode(form).encode())
        if answer.status == 400 and _error(answer) is None:
            # A 400 that says nothing comes from something in between, and passes (seen at Epic).
            return type(answer)(503, answer.headers, b"")
        return answer

    def _by_key(self) -> Callable[[str], tuple[dict[str, str], dict[str, str]]]:
        auth = self._auth
        assert auth.private_key is not None
        key = keys.read(auth.private_key.read())
        kid, client_id = auth.kid or key.kid, auth.client_id or ""

        def prove(token_url: str) -> tuple[dict[str, str], dict[str, str]]:
            signed = client_assertion(key, kid, client_id, token_url)
            return {}, {"client_assertion_type": _ASSERTION, "client_assertion": signed}

        return prove

    def _by_secret(self) -> Callable[[str], tuple[dict[str, str], dict[str, str]]]:
        auth = self._auth
        assert auth.client_secret is not None
        client_id, secret = auth.client_id or "", auth.client_secret.read()
        if auth.secret_in == "form":  # noqa: S105 - a place, not a secret
            return lambda _: ({}, {"client_id": client_id, "client_secret": secret})
        # RFC 6749 2.3.1: both are form-encoded first, so that a colon in them does no harm.
        pair = b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
        return lambda _: ({"Authorization": f"Basic {pair}"}, {})

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

    def _discover(self) -> _Discovered:
        """SMART App Launch 2.2, conformance: appended to the FHIR base, not to the host."""
        base = self._settings.base_url + "/"
        url = f"{base}.well-known/smart-configuration"
        headers = {"Accept": "application/json"}
        answer = self._patiently(lambda: self._ask("GET", url, WHAT, headers, None))
        found = _members(answer) if answer.ok else {}
        told = found.get("token_endpoint")
        token_url = self._auth.token_url or (joined(base, told) if isinstance(told, str) else "")
        if not token_url:
            raise SignInFailed(
                f"{WHAT}: the server's .well-known/smart-configuration names no token endpoint"
                f" (HTTP {answer.status})",
                "Set token_url in auth of this endpoint.",
            )
        _check(token_url)
        return _Discovered(
            token_url, _texts(found.get("capabilities")), _texts(found.get("scopes_supported"))
        )

    def _declared(self) -> Collection[str]:
        """The types the server says it has, of those needed: an unknown one may be refused."""
        url = f"{self._settings.base_url}/metadata"
        try:
            answer = self._ask("GET", url, WHAT, {"Accept": "application/fhir+json"}, None)
            declared = parse_capability(answer.body).search if answer.ok else {}
        except (Unreachable, UndecodableError):
            declared = {}
        return [name for name in self._types if name in declared] or self._types

    def _patiently(self, ask: Callable[[], "Answer"]) -> "Answer":
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


def _token(answer: "Answer", asked: tuple[str, ...]) -> _Token:
    """RFC 6749 5.1. `SignInFailed` if that isn't a token to be used as `Bearer`."""
    found = _members(answer)
    value, kind = found.get("access_token"), str(found.get("token_type", "")).lower()
    if not isinstance(value, str) or kind != "bearer" or not is_token(value):
        raise SignInFailed(
            f"{WHAT}: the token endpoint's answer holds no bearer token", "Check token_url."
        )
    life_s = _seconds(found.get("expires_in"))
    renew_at = None if life_s is None else time.monotonic() + life_s - min(_EARLY_S, life_s / 2)
    # What is not said is as it was asked (RFC 6749 5.1).
    said = found.get("scope")
    if isinstance(said, list):  # not as the RFC has it, but clear
        said = " ".join(_texts(said))
    granted = parse(said.split() if isinstance(said, str) else asked)
    # A server that was not asked in system scopes need not answer in them.
    told = granted if granted or parse(asked) else None
    return _Token(Bearer(value), Grant(asked, told, life_s), renew_at)


def _refusal(answer: "Answer", asked: tuple[str, ...], auth_type: str) -> SignInFailed:
    error = _error(answer)
    said = f" ({error})" if error in _HINTS else ""
    hint = _HINTS.get(error or "", "Check auth of this endpoint with `connector doctor`.")
    # Keycloak says unauthorized_client of a wrong secret, with 401 (RFC 6749 5.2: who are you?).
    if error == "invalid_client" or (error == "unauthorized_client" and answer.status == 401):
        hint = _WHO[auth_type]
    told = " ".join(asked) or "none"
    return SignInFailed(
        f"{WHAT}: the token endpoint answers HTTP {answer.status}{said}",
        f"{hint} Scopes asked: {told}." if error in _ABOUT_SCOPES else hint,
    )


def _error(answer: "Answer") -> str | None:
    error = _members(answer).get("error")
    return error if isinstance(error, str) else None


def _members(answer: "Answer") -> dict[str, Any]:
    try:
        found = decode(answer.body)
    except UndecodableError:
        return {}
    return found if isinstance(found, dict) else {}


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _seconds(value: Any) -> float | None:
    """How long a token lives. None where what is said can't be: the server refuses it at its end.

    A life of nothing would have us ask for a token before each request.
    """
    try:
        life_s = float(value) if not isinstance(value, bool) else 0.0
    except (TypeError, ValueError, OverflowError):
        return None
    return life_s if _LIFE_MIN_S <= life_s < math.inf else None


def _check(token_url: str) -> None:
    parts = urlsplit(token_url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise SignInFailed(
            f"{WHAT}: the server names a token endpoint without TLS",
            "Ask the people who run that server, or set token_url in auth.",
        )
