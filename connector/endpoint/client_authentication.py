"""How a client proves who it is at a token endpoint: by a signed statement, or by its secret."""

import json
import time
import uuid
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote_plus

from .. import keys
from ..keys import SigningKey
from ..settings import Auth
from ..signature import sign

# Token endpoint → (headers, fields of the form), made anew for each request.
Prove = Callable[[str], tuple[dict[str, str], dict[str, str]]]

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 2.2

_LIFETIME_S = 240  # five minutes are allowed; their clock may be behind ours


def proving(auth: Auth) -> Prove:
    """What proves who we are, as `auth` says. `UsageError` if its key or secret can't be had."""
    return _by_key(auth) if auth.type == "smart" else _by_secret(auth)


def _by_key(auth: Auth) -> Prove:
    assert auth.private_key is not None
    key = keys.read(auth.private_key.read())
    kid, client_id = auth.kid or key.kid, auth.client_id or ""

    def prove(token_url: str) -> tuple[dict[str, str], dict[str, str]]:
        signed = client_assertion(key, kid, client_id, token_url)
        return {}, {"client_assertion_type": _ASSERTION, "client_assertion": signed}

    return prove


def _by_secret(auth: Auth) -> Prove:
    assert auth.client_secret is not None
    client_id, secret = auth.client_id or "", auth.client_secret.read()
    if auth.secret_in == "form":  # noqa: S105 - a place, not a secret
        return lambda _: ({}, {"client_id": client_id, "client_secret": secret})
    # RFC 6749 2.3.1: both are form-encoded first, so that a colon in them does no harm.
    pair = b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
    return lambda _: ({"Authorization": f"Basic {pair}"}, {})


def client_assertion(key: SigningKey, kid: str, client_id: str, audience: str) -> str:
    """A JWT for one request (SMART App Launch 2.2, client-confidential-asymmetric).

    `jti` is fresh each time: a server refuses a statement that it has seen before.
    """
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "exp": int(time.time()) + _LIFETIME_S,
        "jti": str(uuid.uuid4()),
    }
    return sign(json.dumps(claims).encode(), key, kid, {"typ": "JWT"})
