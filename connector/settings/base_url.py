"""Base addresses: which can be one, when two are the same, and which are public sandboxes."""

from urllib.parse import urlsplit

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

_PORTS = {"http": 80, "https": 443}


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
