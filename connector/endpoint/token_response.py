"""The answer of a token endpoint: a token and what it allows, or why there is none.

RFC 6749 5.1 and 5.2. Errors are told by their code; nothing else of the answer is repeated.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

from ..errors import SignInFailed
from .bearer import Bearer, is_token
from .scopes import Grant, parse
from .shape import Answer, members, texts

WHAT = "sign-in"
_EARLY_S = 60.0  # renewed so long before its end, or at half its life if that is shorter
_LIFE_MIN_S = 1.0
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


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, what it allows, and until when it is used."""

    bearer: Bearer
    grant: Grant
    renew_at: float | None  # monotonic seconds; None: it lives until the server refuses it


def token_of(answer: Answer, asked: tuple[str, ...]) -> Token:
    """RFC 6749 5.1. `SignInFailed` if that isn't a token to be used as `Bearer`."""
    found = members(answer)
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
        said = " ".join(texts(said))
    granted = parse(said.split() if isinstance(said, str) else asked)
    # A server that was not asked in system scopes need not answer in them.
    told = granted if granted or parse(asked) else None
    return Token(Bearer(value), Grant(asked, told, life_s), renew_at)


def refusal(answer: Answer, asked: tuple[str, ...], auth_type: str) -> SignInFailed:
    """What the endpoint said instead of a token (RFC 6749 5.2), and what to do about it."""
    error = error_of(answer)
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


def error_of(answer: Answer) -> str | None:
    """The code of an error; None where the answer holds none."""
    error = members(answer).get("error")
    return error if isinstance(error, str) else None


def _seconds(value: Any) -> float | None:
    """How long a token lives. None where what is said can't be: the server refuses it at its end.

    A life of nothing would have us ask for a token before each request.
    """
    try:
        life_s = float(value) if not isinstance(value, bool) else 0.0
    except (TypeError, ValueError, OverflowError):
        return None
    return life_s if _LIFE_MIN_S <= life_s < math.inf else None
