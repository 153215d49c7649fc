"""Which addresses hold the content of an attachment, and nothing else. Pure.

A record may name any address as its attachment's, and we would ask it with our token: another
person's records, an operation, a page of the server's administration. So only content is asked
for: `Binary/id` below the source's base, `Bundle/id` (a document that the server keeps as one, of
which is taken only what proves to be the patient's), or `$binary-access-read` of a record of the
chart (HAPI FHIR), written however. What is asked is put together anew from type and id.
"""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, quote, unquote, urlsplit

from ...fhir.references import same_base
from ...fhir.types import TYPES, proper

BINARY, DOCUMENT = "Binary", "Bundle"
_ID = r"[A-Za-z0-9\-._~]{1,255}"
_CONTENT = re.compile(rf"([A-Za-z]+)/({_ID})(?:/_history/({_ID})|/(\$binary-access(?:-read)?))?\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ELEMENT = re.compile(r"[A-Z][A-Za-z]+(\.[A-Za-z]+(\[\d+\])?)+\Z")
# Read differently by different programs, or a step to another folder.
_DOUBTFUL = re.compile(
    r"\\|[\x00-\x20\x7f]|%(2f|5c|25|00)|(^|/)(\.|%2e){1,2}(/|$)|.//", re.IGNORECASE
)


def content_path(url: str, here: Callable[[str], bool], *bases: str) -> str | None:
    """What to ask below the base for an attachment at `url`; None: that is no content.

    `here`: whether a record (`Type/id`) is in the chart. `bases`: the addresses of the source, the
    one that we ask first.
    """
    below = _below(url.strip(), bases)
    if below is None:
        return None
    path, _, rest = below.partition("#")[0].partition("?")
    path = path.rstrip("/")
    match = None if _DOUBTFUL.search(path) else _CONTENT.match(unquote(path))
    if match is None or not match[2].strip("."):
        return None
    kind, id_, version, operation = proper(match[1]), match[2], match[3], match[4]
    if operation:
        named = parse_qs(rest).get("path", [])
        if not here(f"{kind}/{id_}") or len(named) > 1 or not all(map(_ELEMENT.match, named)):
            return None
        return f"{kind}/{id_}/{operation}" + (f"?path={quote(named[0])}" if named else "")
    if kind not in (BINARY, DOCUMENT):
        return None
    return f"{kind}/{id_}" + (f"/_history/{version}" if version else "")


def is_document(address: str) -> bool:
    """Whether what `content_path` gave is the address of a FHIR document."""
    return address.startswith(f"{DOCUMENT}/")


def is_elsewhere(url: str, *bases: str) -> bool:
    """Whether an absolute address is of another host than the source's, and no FHIR exchange.

    Only an operator makes us ask there (`allowed_origins`), without credentials.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        ours = any(_host(url) == _host(base) for base in bases)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or ours or "@" in parts.netloc or "\\" in url:
        return False
    names = unquote(parts.path).split("/")
    other = (proper(name) in TYPES - {BINARY} or name.startswith(("$", "_")) for name in names)
    return not any(other)


def _below(url: str, bases: tuple[str, ...]) -> str | None:
    """The part of an address behind the base; None for one that is not below it."""
    if url.startswith("//"):
        return None
    if not _SCHEME.match(url):
        path = urlsplit(bases[0]).path.rstrip("/")
        return url.removeprefix(f"{path}/" if url.startswith(f"{path}/") else "/")
    for base in bases:
        depth = urlsplit(base).path.rstrip("/").count("/")
        pieces = url.split("/", 3 + depth)
        if len(pieces) == 4 + depth and same_base("/".join(pieces[:-1]), base):
            return pieces[-1] if "@" not in pieces[2] else None
    return None


def _host(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    return parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
