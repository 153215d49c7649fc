"""The receipt's own digest: one changed character in it is found by anybody, without a key.

`digest` is the SHA-256 of all other members in the form of RFC 8785 (JCS): keys sorted, no white
space, UTF-8. A receipt holds text, whole numbers, null, lists and objects only, so that nothing in
this form needs more than sorting: `jq -cSj 'del(.digest)'` writes it (docs/proof.md).
"""

import json
from typing import Any

from ...errors import UsageError
from ...fhir.lossless import sha256

_MEMBER = "digest"


def sealed(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with their digest as one more member."""
    return {**values, _MEMBER: digest(values)}


def digest(values: dict[str, Any]) -> str:
    """`sha256:` and the hex SHA-256 of `values` without their `digest`."""
    rest = {name: value for name, value in values.items() if name != _MEMBER}
    return f"sha256:{sha256(text(rest))}"


def text(values: dict[str, Any]) -> bytes:
    """RFC 8785 for what a receipt may hold."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def opened(data: bytes) -> dict[str, Any]:
    """The members of a receipt. `UsageError` if it isn't one, or not one that reads in one way.

    A name that stands twice in an object, a number that is not whole or is written oddly: two
    readers could take it for two things.
    """
    try:
        values = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
        text({"": values})  # half a surrogate pair can't be written
    except (ValueError, RecursionError):
        raise _unreadable() from None
    if not (isinstance(values, dict) and _MEMBER in values):
        raise _unreadable()
    return values


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name stands twice")
    return values


def _integer(digits: str) -> int:
    value = int(digits)
    if str(value) != digits:
        raise ValueError("not written as it should be")
    return value


def _no_number(_: str) -> None:
    raise ValueError("not a whole number")


def _unreadable() -> UsageError:
    return UsageError(
        "this is not a receipt that can be read",
        "Take the file as it was written: receipt.json or receipt.jws of the case.",
    )
