"""What a server says to those who want a token: its smart-configuration, and its types. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import SignInFailed
from ..fhir.capability import parse as parse_capability
from ..fhir.lossless import UndecodableError
from ..loopback import is_loopback
from .origin import joined
from .shape import Answer, members, texts
from .token_response import WHAT


@dataclass(frozen=True, slots=True)
class Discovered:
    """What the server's smart-configuration says, as far as it was needed."""

    token_url: str
    capabilities: tuple[str, ...]
    scopes_supported: tuple[str, ...]


def address(base_url: str) -> str:
    """SMART App Launch 2.2, conformance: appended to the FHIR base, not to the host."""
    return f"{base_url}/.well-known/smart-configuration"


def discovered(answer: Answer, base_url: str, token_url: str | None) -> Discovered:
    """What `answer` says. `token_url`: as configured, which goes before what the server says.

    Raises `SignInFailed` if there is no token endpoint, or none with TLS.
    """
    found = members(answer) if answer.ok else {}
    told = found.get("token_endpoint")
    token_url = token_url or (joined(f"{base_url}/", told) if isinstance(told, str) else "")
    if not token_url:
        raise SignInFailed(
            f"{WHAT}: the server's .well-known/smart-configuration names no token endpoint"
            f" (HTTP {answer.status})",
            "Set token_url in auth of this endpoint.",
        )
    _check(token_url)
    return Discovered(
        token_url, texts(found.get("capabilities")), texts(found.get("scopes_supported"))
    )


def declared(statement: Answer) -> Collection[str]:
    """The types that a CapabilityStatement lists; none if it can't be read."""
    try:
        return parse_capability(statement.body).search if statement.ok else {}
    except UndecodableError:
        return {}


def _check(token_url: str) -> None:
    parts = urlsplit(token_url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise SignInFailed(
            f"{WHAT}: the server names a token endpoint without TLS",
            "Ask the people who run that server, or set token_url in auth.",
        )
