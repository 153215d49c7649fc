"""Who may come in: SMART Backend Services with a token endpoint of the sandbox's own, or another's.

Checks what an authorization server has to (SMART App Launch 2.2, client-confidential-asymmetric;
RFC 7523 3): signature by a registered key, `iss` = `sub` = client, audience, life, `jti` once.
"""

import base64
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from connector.fhir.lossless import UndecodableError, decode
from connector.sandbox.exchange import Request, Response
from connector.sandbox.outcome import Refusal

from .scopes import covers, needed, rights, within

TOKEN_PATH = "/auth/token"
_ALGORITHMS = ["ES384", "RS384"]
_LIFE_MAX_S = 300
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SMART = [".well-known", "smart-configuration"]
_OPEN = (["metadata"], _SMART)


@dataclass(frozen=True)
class Client:
    """A registered client: its JWKS or its secret, and the most it is ever granted."""

    id: str
    jwks: Mapping[str, Any] | None = None
    secret: str | None = None
    scopes: tuple[str, ...] = ("system/*.cruds",)


@dataclass(frozen=True)
class Authority:
    """Another server that gives the tokens: signed by a key of `jwks`, RS256."""

    token_url: str
    issuer: str
    jwks: Mapping[str, Any]


@dataclass(frozen=True)
class Protection:
    """How a sandbox is protected. `supported`: scopes_supported as it is told (None: not told).

    `uses_max`: a token is refused after so many requests, whatever life it was given.
    """

    clients: Sequence[Client] = ()
    expires_in_s: float = 300
    capabilities: tuple[str, ...] = ("client-confidential-asymmetric", "permission-v2")
    supported: tuple[str, ...] | None = None
    uses_max: float = inf
    authority: Authority | None = None


class Guard:
    """Gives tokens and asks for them. Safe to share between threads."""

    def __init__(self, protection: Protection, root: str) -> None:
        self._protection = protection
        self._clients = {client.id: client for client in protection.clients}
        authority = protection.authority
        self.token_url = authority.token_url if authority else f"{root}{TOKEN_PATH}"
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[frozenset[str], float]] = {}
        self._uses: Counter[str] = Counter()
        self._seen: set[tuple[str, str]] = set()

    def revoke(self) -> None:
        """Forget every token."""
        with self._lock:
            self._tokens.clear()

    def answer(self, request: Request) -> Response | None:
        """The configuration, if it is asked for."""
        asked = request.method == "GET" and list(request.path) == _SMART
        return self.configuration() if asked else None

    def configuration(self) -> Response:
        """.well-known/smart-configuration, as far as a backend service needs it."""
        said: dict[str, Any] = {
            "token_endpoint": self.token_url,
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"],
            "token_endpoint_auth_signing_alg_values_supported": _ALGORITHMS,
            "capabilities": list(self._protection.capabilities),
        }
        if self._protection.supported is not None:
            said["scopes_supported"] = list(self._protection.supported)
        return _json(200, said)

    def check(self, request: Request) -> None:
        """Raise `Refusal`: 401 without a good token, 403 where its scopes do not reach."""
        if list(request.path) in _OPEN and request.method == "GET":
            return
        scopes = self._bearing(request)
        if scopes is None or self._used_up(request):
            raise Refusal(401, "login", "A valid access token is needed")
        bundle = None
        if not request.path and request.method == "POST":
            try:
                bundle = decode(request.body)
            except UndecodableError:
                bundle = {}
        if not covers(rights(scopes), needed(request, bundle)):
            raise Refusal(403, "forbidden", "The token's scopes do not allow this")

    def token(self, headers: Mapping[str, str], body: bytes) -> Response:
        """Answer a request for a token (RFC 6749 4.4 and 5)."""
        form = dict(parse_qsl(body.decode(errors="replace")))
        if form.get("grant_type") != "client_credentials":
            return _json(400, {"error": "unsupported_grant_type"})
        client = self._client(headers, form)
        if client is None:
            return _json(401, {"error": "invalid_client"})
        granted = [s for s in form.get("scope", "").split() if within(s, client.scopes)]
        if not granted:
            return _json(400, {"error": "invalid_scope"})
        token = secrets.token_urlsafe(24)
        life_s = self._protection.expires_in_s
        with self._lock:
            self._tokens[token] = frozenset(granted), time.monotonic() + life_s
        said = {"access_token": token, "token_type": "bearer", "scope": " ".join(granted)}
        return _json(200, {**said, "expires_in": life_s})

    def shows(self, request: Request, resource_type: str) -> bool:
        """Whether who asks may see records of a type that come along with others."""
        return covers(rights(self._bearing(request) or ()), [(resource_type, "r")])

    def _bearing(self, request: Request) -> frozenset[str] | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self._scopes(token) if scheme.lower() == "bearer" else None

    def _used_up(self, request: Request) -> bool:
        token = request.headers.get("authorization", "").partition(" ")[2]
        with self._lock:
            self._uses[token] += 1
            return self._uses[token] > self._protection.uses_max

    def _scopes(self, token: str) -> frozenset[str] | None:
        if self._protection.authority is not None:
            return _signed_scopes(token, self._protection.authority)
        with self._lock:
            scopes, until = self._tokens.get(token, (frozenset[str](), 0.0))
        return scopes if time.monotonic() < until else None

    def _client(self, headers: Mapping[str, str], form: Mapping[str, str]) -> Client | None:
        if form.get("client_assertion_type") == _ASSERTION:
            return self._by_assertion(form.get("client_assertion", ""))
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, pair = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            name, _, secret = base64.b64decode(pair).decode(errors="replace").partition(":")
            name, secret = unquote_plus(name), unquote_plus(secret)
        client = self._clients.get(name)
        if client is None or client.secret is None:
            return None
        return client if secrets.compare_digest(client.secret, secret) else None

    def _by_assertion(self, assertion: str) -> Client | None:
        import jwt

        try:
            issuer = jwt.decode(assertion, options={"verify_signature": False}).get("iss")
            client = self._clients[str(issuer)]
            claims = jwt.decode(
                assertion,
                _key(assertion, client.jwks or {}),
                algorithms=_ALGORITHMS,
                audience=self.token_url,
                options={"require": ["exp", "iss", "sub", "aud", "jti"]},
            )
        except (jwt.PyJWTError, KeyError):
            return None
        use = (client.id, str(claims["jti"]))
        with self._lock:
            replayed = use in self._seen
            self._seen.add(use)
        good = claims["sub"] == client.id and claims["exp"] - time.time() <= _LIFE_MAX_S
        return client if good and not replayed else None


def _signed_scopes(token: str, authority: Authority) -> frozenset[str] | None:
    import jwt

    try:
        claims = jwt.decode(
            token,
            _key(token, authority.jwks),
            algorithms=["RS256"],
            issuer=authority.issuer,
            options={"require": ["exp"], "verify_aud": False},
        )
    except (jwt.PyJWTError, KeyError):
        return None
    return frozenset(str(claims.get("scope", "")).split())


def _key(token: str, jwks: Mapping[str, Any]) -> Any:
    """The registered key that the token names. `KeyError` if there is none."""
    import jwt

    named = jwt.get_unverified_header(token)["kid"]
    return jwt.PyJWK({jwk["kid"]: jwk for jwk in jwks.get("keys", []) if "kid" in jwk}[named])


def _json(status: int, value: Mapping[str, Any]) -> Response:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Response(status, json.dumps(value).encode(), headers)
