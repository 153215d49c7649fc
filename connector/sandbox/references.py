"""The references inside a resource: listed with their element paths, or rewritten in place."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from .outcome import Resource

_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")


def links(resource: Resource) -> tuple[tuple[str, str], ...]:
    """(element path, `Type/id`) of each local reference; list indexes are left out of the path.

    A stored Bundle has none: what is inside a document belongs to the document.
    """
    if resource["resourceType"] == "Bundle":
        return ()
    return tuple(
        (path, target)
        for path, holder, key in _strings(resource, "")
        if key == "reference" and (target := local(holder[key]))
    )


def local(reference: str) -> str | None:
    """`Type/id` of a relative literal reference, its version set aside; None for any other."""
    match = _LOCAL.fullmatch(reference)
    return f"{match[1]}/{match[2]}" if match else None


def conditional(reference: str) -> tuple[str, str] | None:
    """(type, query) of a conditional reference such as `Practitioner?identifier=…`."""
    name, mark, query = reference.partition("?")
    return (name, query) if mark and name.isalpha() else None


def rewrite(
    resource: Resource, resolve: Callable[[str], str], renamed: dict[str, str] | None = None
) -> None:
    """Replace each `reference` by `resolve(reference)`, and each url that `renamed` knows.

    Attachment.url and its like are only looked up, never resolved: HAPI 8 exchanges a placeholder
    there and takes any other value as it is.
    """
    if resource["resourceType"] == "Bundle":
        return
    for _, holder, key in list(_strings(resource, "")):
        value = holder[key]
        if key == "reference":
            holder[key] = resolve(value)
        elif renamed:
            holder[key] = renamed.get(value, value)


def _strings(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(path, object, member name) of every string member called `reference` or `url`."""
    if isinstance(value, list):
        for item in value:
            yield from _strings(item, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str):
                if key in ("reference", "url"):
                    yield path, value, key
            elif isinstance(item, (dict, list)):
                yield from _strings(item, f"{path}.{key}" if path else key)
