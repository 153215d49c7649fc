"""What every endpoint has: its address, its limits, what it is shown."""

import re
import uuid
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from ..loopback import is_loopback
from ..model import Model, Text
from .auth import Auth
from .base_url import PUBLIC_SANDBOXES, server_base
from .secret import Secret

# Made by us for each request, or by a setting of their own (auth).
_OUR_HEADERS = frozenset(
    [
        "accept",
        "accept-encoding",
        "authorization",
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "if-match",
        "if-none-exist",
        "if-none-match",
        "prefer",
        "proxy-authorization",
        "transfer-encoding",
        "user-agent",
    ]
)


class EndpointSettings(Model):
    """One FHIR server, as the endpoint room needs it."""

    id: uuid.UUID
    base_url: Text
    environment: Literal["test", "production"]
    formerly: tuple[Text, ...] = ()  # base addresses under which this very server was known before
    auth: Auth = Auth()
    headers: dict[Text, Text | Secret] = Field(default_factory=dict)  # to base_url's origin only
    allow_plain_http: bool = False
    allowed_origins: tuple[Text, ...] = ()
    ca_file: Path | None = None
    client_cert_file: Path | None = None  # PEM; shown to the origin of base_url only
    client_key_file: Path | None = None  # PEM; where the certificate's file does not hold it
    connections: int = Field(default=5, ge=1, le=16)
    connect_timeout_s: float = Field(default=10, gt=0, le=120)
    read_timeout_s: float = Field(default=120, gt=0, le=900)
    answer_timeout_s: float = Field(default=600, gt=0, le=86_400)  # however steadily it drips
    requests_per_second: float | None = Field(default=None, gt=0, le=1000)
    attempts: int = Field(default=4, ge=1, le=10)
    backoff_s: float = Field(default=0.5, ge=0, le=60)
    wait_max_s: float = Field(default=30, ge=0, le=300)  # a longer Retry-After parks the case
    # `get` only where a server offers nothing else: identifiers stand in its URLs and logs then.
    search_by: Literal["post", "get"] = "post"

    @field_validator("base_url")
    @classmethod
    def _url(cls, text: str) -> str:
        return server_base(text)

    @field_validator("formerly")
    @classmethod
    def _urls(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(server_base, texts))

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, "str | Secret"]) -> dict[str, "str | Secret"]:
        for name, value in headers.items():
            if not re.fullmatch(r"[A-Za-z0-9-]+", name) or name.lower() in _OUR_HEADERS:
                raise ValueError("expected headers that no other setting makes, such as X-Api-Key")
            if isinstance(value, str) and not (value.isascii() and value.isprintable()):
                raise ValueError("expected a value of one line, in ASCII")
        return headers

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for parts in map(urlsplit, origins):
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
                raise ValueError("expected origins, for example https://files.example.org")
            if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
                raise ValueError("expected scheme, host and port, without a path")
        return origins

    @model_validator(mode="after")
    def _safe(self) -> "EndpointSettings":
        parts = urlsplit(self.base_url)
        loopback = is_loopback(parts.hostname)
        if parts.scheme == "http" and not (loopback or self.allow_plain_http):
            raise ValueError(
                "base_url: plain http only to this machine, or with allow_plain_http = true"
            )
        if self.client_key_file and not self.client_cert_file:
            raise ValueError("client_key_file: without a client_cert_file it is of no use")
        # A final dot names the same host (RFC 1034 3.1).
        public = (parts.hostname or "").rstrip(".") in PUBLIC_SANDBOXES
        if self.environment == "production" and public:
            raise ValueError("environment: this is a public sandbox, it is always test")
        return self
