"""SMART system scopes as the sandbox enforces them (SMART App Launch 2.2). Pure."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from connector.sandbox.exchange import Request

Right = tuple[str, str]  # resource type or *, one letter of c, r, u, d, s

_SCOPE = re.compile(r"system/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|[cruds]+)")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}


def rights(scopes: Iterable[str]) -> frozenset[Right]:
    """What `scopes` give."""
    found = (_SCOPE.fullmatch(scope) for scope in scopes)
    return frozenset((m[1], one) for m in found if m for one in _VERSION_1.get(m[2], m[2]))


def within(asked: str, allowed: Iterable[str]) -> bool:
    """Whether `allowed` give all that the scope `asked` does, which is something."""
    wanted = rights([asked])
    return bool(wanted) and covers(rights(allowed), wanted)


def covers(had: frozenset[Right], wanted: Iterable[Right]) -> bool:
    """Whether each right in `wanted` is among those `had`."""
    return all((name, one) in had or ("*", one) in had for name, one in wanted)


def needed(request: Request, bundle: Any = None) -> Iterator[Right]:
    """What a request needs; a Bundle (decoded) needs what each of its entries does."""
    if bundle is not None:
        for entry in bundle.get("entry", []):
            inner = entry.get("request", {})
            path = str(inner.get("url", "")).partition("?")[0].split("/")
            yield from _needed(str(inner.get("method")), path)
    elif "_getpages" not in dict(request.query):  # only who got the first page knows its key
        yield from _needed(request.method, list(request.path))


def _needed(method: str, path: list[str]) -> Iterator[Right]:
    match method, *path:
        case ("GET", name) | ("POST", name, "_search"):
            yield name, "s"
        case "GET", name, _, *_:
            yield name, "r"
        case "POST", name:
            yield name, "c"
        case "PUT", name, *_:
            yield name, "u"
        case "DELETE", name, *_:
            yield name, "d"
