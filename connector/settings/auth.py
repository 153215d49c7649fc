"""The table `auth`: how we sign in."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from ..loopback import is_loopback
from ..model import Model, Text
from .secret import Secret

# What each way to sign in has to be given, and what it may be.
_AUTH: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "none": ((), ()),
    "basic": (("username", "password"), ()),
    "bearer": (("token",), ()),
    "smart": (("client_id", "private_key"), ("kid", "token_url", "scopes")),
    "client-secret": (("client_id", "client_secret", "token_url"), ("secret_in", "scopes")),
}


class Auth(Model):
    """How we sign in. Only to the endpoint's own origin."""

    type: Literal["none", "basic", "bearer", "smart", "client-secret"] = "none"
    username: Text | None = None
    password: Secret | None = None
    token: Secret | None = None
    client_id: Text | None = None
    private_key: Secret | None = None  # PEM: RSA signs by RS384, P-384 by ES384
    kid: Text | None = None  # default: the key's RFC 7638 thumbprint
    client_secret: Secret | None = None
    secret_in: Literal["header", "form"] | None = None  # default: header
    # Said for a client secret: it is never sent where a server points. A signature may be.
    token_url: Text | None = None
    scopes: tuple[Text, ...] | None = None  # default: the least, by type

    @field_validator("token_url")
    @classmethod
    def _url(cls, text: str | None) -> str | None:
        parts = urlsplit(text or "https://default.invalid")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("expected a web address, for example https://example.org/token")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("plain http only to this machine")
        if parts.username or parts.password or parts.fragment:
            raise ValueError("expected an address without password and fragment")
        return text

    @model_validator(mode="after")
    def _complete(self) -> "Auth":
        wanted, allowed = _AUTH[self.type]
        names = [name for name in Auth.model_fields if name != "type"]
        given = {name for name in names if getattr(self, name) is not None}
        if not set(wanted) <= given <= {*wanted, *allowed}:
            also = f", and may take {', '.join(allowed)}" if allowed else ""
            words = " and ".join(wanted) or "nothing else"
            raise ValueError(f"type {self.type} takes {words}{also}")
        return self
