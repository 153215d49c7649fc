"""A record that was deleted at the destination, and that a PUT of ours has raised again.

Before a PUT each id is read, and one that was deleted (410) is never written. But a server may
hide deletions (404). Its history still tells: what stood there before, and was deleted.
"""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...errors import Answered, Held
from ...fhir.lossless import UndecodableError, decode
from ..session import Session, parts
from .find import Place


def look(session: Session, places: Mapping[str, Place]) -> None:
    """Look whether any of `places`, new by a PUT of ours, is a deleted record that rose again.

    Raises `Held` (`deleted`): now, and whenever the delivery is to go on.
    """
    # A first version is mostly called 1; where it is not, the history has just that one.
    later = {key: place for key, place in places.items() if place.version not in (None, "1")}
    if not later:
        return
    with ThreadPoolExecutor(session.settings.connections) as pool:
        deleted = pool.map(lambda place: _deleted_before(session, place), later.values())
        found = sorted(key for key, was in zip(later, deleted, strict=True) if was)
    if found:
        session.case.state.undeleted = [*(session.case.state.undeleted or []), *found]
        hold(session)


def hold(session: Session) -> None:
    """Raise `Held` (`deleted`) if a deleted record has risen by a write of this case."""
    if found := session.case.state.undeleted:
        raise _held(found)


def _held(keys: Collection[str]) -> Held:
    types = ", ".join(sorted({parts(key)[0] for key in keys}))
    return Held(
        "deleted",
        f"records that were deleted at the destination stand there again by our write: {types};"
        " the server hides deletions, and only its history told",
        "Ask the people who run the destination why they were deleted. `connector recall CASE`"
        " takes this packet back, and them with it; ask anew without them (`exclude`).",
    )


def _deleted_before(session: Session, place: Place) -> bool:
    """By the history of one resource (R4 http.html#history); False where a server keeps none."""
    try:
        body = session.endpoint.get(f"{place.reference}/_history", f"{place.type} history").body
        entries: Any = decode(body).get("entry") or []
        return any((entry.get("request") or {}).get("method") == "DELETE" for entry in entries)
    except (Answered, UndecodableError, AttributeError):
        return False
