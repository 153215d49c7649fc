"""The server's base in an absolute reference. Pure."""

import re

_ABSOLUTE = re.compile(r"(?P<base>https?://.+)/[A-Z][A-Za-z]+/[^/?#]+(?:/_history/[^/#]+)?\Z")


def base_of(reference: str) -> str | None:
    """The server's base of an absolute reference to `Type/id`; None if it is none."""
    found = _ABSOLUTE.fullmatch(reference)
    return found["base"] if found else None
