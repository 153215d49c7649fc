"""What connector.toml says of one endpoint: where it is, how we sign in, and its rules."""

import os
import re
import subprocess
import uuid
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from . import regularfile
from .errors import UsageError
from .loopback import is_loopback
from .request import ConsentsChecked, Model, Organization, Telecom, Text

# Public servers that anybody can read: never production, whatever a file says.
PUBLIC_SANDBOXES = (
    "hapi.fhir.org",
    "server.fire.ly",
    "r4.smarthealthit.org",
    "launch.smarthealthit.org",
    "bulk-data.smarthealthit.org",
    "fhir-bootcamp.medblocks.com",
    "test.fhir.org",
)

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

_PORTS = {"http": 80, "https": 443}
_SECRET_MAX = 1_000_000  # bytes

# How a packet travels: record by record; whole, as a Bundle; as files put into a folder.
Kind = Literal["transaction", "document", "message", "files"]


class Secret(Model):
    """A secret by where it is found: an environment variable, a file, or a command's output."""

    env: Text | None = None
    file: Path | None = None
    command: tuple[Text, ...] | None = None

    @model_validator(mode="after")
    def _one(self) -> "Secret":
        if [self.env, self.file, self.command].count(None) != 2:
            raise ValueError("expected exactly one of env, file and command")
        return self

    def read(self) -> str:
        """The secret. `UsageError` says where it was looked for, never what was found."""
        found = self._look().strip()
        if not found:
            raise UsageError(f"the secret ({self.where()}) is empty", "Fill it in.")
        return found

    def where(self) -> str:
        """In words: which variable, file or command."""
        if self.env is not None:
            return f"variable {self.env}"
        return "command" if self.file is None else f"file {self.file}"

    def _look(self) -> str:
        try:
            if self.env is not None:
                return os.environ[self.env]
            if self.file is not None:
                return regularfile.read(self.file, _SECRET_MAX).decode("utf-8-sig")
            assert self.command is not None
            # The operator's own command from the operator's own file, without a shell.
            done = subprocess.run(self.command, capture_output=True, check=True, timeout=60)  # noqa: S603
            return done.stdout.decode()
        except KeyError:
            raise UsageError(f"the variable {self.env} is not set", "Set it.") from None
        except OSError as error:  # of the command
            raise UsageError(f"secret: {error.strerror}: {error.filename}", "Correct it.") from None
        except UnicodeDecodeError:
            raise UsageError(
                f"the secret ({self.where()}) is not UTF-8 text", "Save it as UTF-8."
            ) from None
        except subprocess.SubprocessError:
            raise UsageError(
                "the secret's command failed or took over a minute", "Run it by hand."
            ) from None


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


def server_base(text: str) -> str:
    """A server's base address as it is used, without a slash at its end. `ValueError` if none."""
    text = text.strip()
    if not text.isprintable() or " " in text:
        raise ValueError("expected an address without blanks")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise ValueError("expected the server's base, which begins with https:// (or http://)")
    if not parts.hostname:
        raise ValueError("expected the server's base, for example https://example.org/fhir")
    if parts.username or parts.password:
        raise ValueError("a password does not belong in a URL: use auth")
    if parts.query or parts.fragment:
        raise ValueError("expected a base without query or fragment")
    if parts.port == 0:  # asked for here, since urlsplit refuses a wrong port only then
        raise ValueError("expected a port from 1 to 65535")
    base = text.rstrip("/")
    if parts.path.rstrip("/").rpartition("/")[2] in ("metadata", "Patient"):
        raise ValueError("expected the server's base: what goes before /metadata or /Patient")
    return base


def base(url: str) -> str:
    """A base address in one form: two that differ in letters or in a port left out are one."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or _PORTS.get(parts.scheme)
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"


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


class Source(EndpointSettings):
    """Where charts come from."""

    base_url: str = ""
    files: Path | None = None  # FHIR files instead of a server
    pull: Literal["auto", "everything", "search", "bulk"] = "auto"
    bulk_group: Text | None = None  # at the source, a Group of this one patient
    page_size: int = Field(default=200, ge=1, le=1000)
    pages_max: int = Field(default=2000, ge=1)  # of one query
    page_bytes_max: int = Field(default=100_000_000, ge=1000)
    record_bytes_max: int = Field(default=20_000_000, ge=1000)
    attachment_bytes_max: int = Field(default=7_000_000, ge=0, le=500_000_000)
    attachment_types: tuple[Text, ...] = ("*/*",)  # media types, for example image/*
    expected_gaps: tuple[Text, ...] = ()
    consents_checked: ConsentsChecked | None = None  # where consents are kept somewhere else
    server: Text | None = None  # a name in mappings/servers, for one that isn't recognised
    rewrite_next: bool = False  # a `next` to another origin: asked at base_url's origin instead
    organization: Organization | None = None  # whose records office answers for the packet
    telecom: Telecom = Telecom()

    @model_validator(mode="after")
    def _one_place(self) -> "Source":
        if bool(self.base_url) == (self.files is not None):
            raise ValueError("expected exactly one of base_url and files")
        return self


class BundleSettings(Model):
    """The shape in which the packet is sent, and how much the destination takes at once."""

    kind: Literal["transaction", "document", "message"] = "transaction"
    max_entries: int = Field(default=150, ge=2, le=10_000)
    max_megabytes: float = Field(default=10, gt=0, le=1000)


class Accepts(Model):
    """What the receiving programme wants."""

    scope: Literal["checklist", "whole-chart"] = "whole-chart"
    images: Literal["reports", "images"] = "images"


class Destination(EndpointSettings):
    """Where packets go."""

    base_url: str = ""
    folder: Path | None = None  # a folder that others watch, instead of a server
    owner: Text | None = None  # their Organization: "Organization/ID" or "system|value"
    new_patient: Literal["hold", "create"] = "hold"
    match_systems: tuple[Text, ...] = ()
    match: Literal["certain", "off"] = "certain"  # $match, where it is offered
    write: Literal["conditional", "put", "create"] = "conditional"
    way: Literal["auto", "transaction", "batch", "single"] = "auto"
    search_lag_s: float = Field(default=10, ge=0, le=300)  # until a search finds what was written
    read_back: Literal["granted", "none"] = "granted"  # none: nothing but the Patient may be read
    release: Literal["manual", "auto"] = "manual"
    approval_days: int = Field(default=30, ge=1, le=365)  # an older approval has to be given anew
    bundle: BundleSettings = BundleSettings()
    accepts: Accepts = Accepts()
    programme: Text | None = None  # a name in mappings/destinations

    @property
    def kind(self) -> "Kind":
        """How the packet travels there."""
        return "files" if self.folder is not None else self.bundle.kind

    @model_validator(mode="after")
    def _one_place(self) -> "Destination":
        if bool(self.base_url) == (self.folder is not None):
            raise ValueError("expected exactly one of base_url and folder")
        if self.folder is not None and self.bundle.kind != "transaction":
            raise ValueError("bundle: kind: a folder gets files")
        return self

    @model_validator(mode="after")
    def _unread(self) -> "Destination":
        if self.read_back == "granted":
            return self
        if self.write != "conditional":
            raise ValueError('read_back: where nothing is read, write = "conditional" is needed')
        if self.owner is not None and "|" in self.owner:
            raise ValueError("owner: where nothing is read, name it by its id: Organization/ID")
        return self
