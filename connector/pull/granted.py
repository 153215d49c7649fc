"""What our token lets us ask for: known before asking, so that a refusal is told by its reason."""

from collections.abc import Iterable

from ..endpoint import Endpoint

NOT_GRANTED = "not granted: no scope of our token reaches this type"


def not_granted(source: Endpoint, names: Iterable[str]) -> dict[str, str]:
    """Types our token does not reach, wholly or in part, each with why: known before asking.

    Raises `SignInFailed` or `Waiting` when there is no token yet and none can be had.
    """
    found = {}
    for name in names:
        if source.granted(name) is False:
            found[name] = NOT_GRANTED
        elif source.granted_in_part(name):
            found[name] = "granted only in part: the scope of our token is narrowed by a query"
    return found
