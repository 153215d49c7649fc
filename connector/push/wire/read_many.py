"""Many resources that we brought, as they stand there now."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from ...store.sent.delivery import Delivery
from ..session import Session
from .find import read, read_many

# How many are read between two commits: what a crash makes us read again.
AT_ONCE = 500
_IN_ONE_SEARCH = 100
_ID_LENGTH = 37  # a UUID and a comma
_WORTH_A_SEARCH = 10  # of one type


def shown(session: Session, pool: Executor, rows: Sequence[Delivery]) -> dict[Delivery, bytes]:
    """What searches show of `rows`; not all of them, and perhaps not the latest."""
    groups = list(_groups(rows, session.endpoint.at_once(_IN_ONE_SEARCH, _ID_LENGTH)))
    found = pool.map(
        lambda some: read_many(session, some[0].type, [str(row.target_id) for row in some]), groups
    )
    return {
        row: body
        for some, bodies in zip(groups, found, strict=True)
        for row in some
        if (body := bodies.get(str(row.target_id))) is not None
    }


def standing(session: Session, rows: Sequence[Delivery]) -> Iterator[tuple[Delivery, bytes | None]]:
    """Each of `rows` as it stands; None where nothing does any more."""
    with ThreadPoolExecutor(session.settings.connections) as pool:
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            found = shown(session, pool, some)
            yield from found.items()
            rest = [row for row in some if row not in found]
            bodies = pool.map(lambda row: read(session, f"{row.type}/{row.target_id}"), rest)
            yield from zip(rest, bodies, strict=True)


def _groups(rows: Sequence[Delivery], size: int) -> Iterator[list[Delivery]]:
    """Rows of one type that are worth a search, no more than `size`, which fit into one."""
    types: dict[str, list[Delivery]] = {}
    for row in rows:
        types.setdefault(row.type, []).append(row)
    for some in types.values():
        if len(some) >= _WORTH_A_SEARCH:
            yield from (some[at : at + size] for at in range(0, len(some), size))
