"""Whose address is it: credentials belong to one origin (scheme, host, port)."""

from urllib.parse import urljoin, urlsplit

import requests

from ..errors import Forbidden


def origin(url: str) -> str:
    """Scheme, host and port of `url` as `requests` reads it. `Forbidden` if it can't be read.

    Read any other way, one URL has two hosts (`http://there\\@home/`), and the token is stolen.
    """
    try:
        parts = urlsplit(requests.Request("GET", url).prepare().url or "")
        port = parts.port
    except (requests.RequestException, ValueError):
        raise _unreadable() from None
    port = port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def joined(base: str, url: str) -> str:
    """`url` as seen from `base`. `Forbidden` if it can't be read."""
    try:
        return urljoin(base, url)
    except ValueError:
        raise _unreadable() from None


def _unreadable() -> Forbidden:
    return Forbidden("an address that is no web address", "Ask the people who run that server.")
