"""The second write of a record: PUT over exactly the version that we know to be ours.

For records that left without some of their references, and for those that an earlier case brought
in an older version. Every answer, clear or not, is settled by reading.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from ...errors import DestinationRefused, Held
from ...fhir.bundle import Write
from ...fhir.record import with_identity
from ...store import delivery
from ...store.delivery import Delivery
from ...store.written import Written
from ..patient.resolve import check_again
from ..session import Desk, parts
from ..wire.find import Place, read
from ..wire.limits import Limits, limits_of
from ..wire.response import Heard, Kind
from ..wire.retry import until_done
from ..wire.search_lag import Patience
from ..wire.write import over, send
from .expected import judge


@dataclass(frozen=True)
class Revision:
    """One record of ours there, the version of it that we read, and the form it should have."""

    key: str
    place: Place
    wanted: bytes

    @classmethod
    def of(cls, row: Delivery, version: str | None, wanted: bytes) -> "Revision":
        """`version`: the one that was read."""
        assert row.target_id is not None
        return cls(f"{row.type}/{row.id}", Place(row.type, row.target_id, version), wanted)


def revise(desk: Desk, revisions: list[Revision]) -> dict[str, str]:
    """Bring records up to date. Returns those that the destination does not take so: key → why.

    Raises `Held` (`theirs`) if one was changed since it was read, `DestinationRefused`, `Waiting`.
    """
    refused: dict[str, str] = {}
    for group in _groups(revisions, limits_of(desk)):
        with desk.turn:
            check_again(desk)
            _bring(desk, group, refused)
    return refused


def _groups(revisions: list[Revision], limits: Limits) -> Iterator[list[Revision]]:
    group: list[Revision] = []
    size = 0
    for revision in revisions:
        if group and not limits.take(len(group) + 1, size + len(revision.wanted)):
            yield group
            group, size = [], 0
        group.append(revision)
        size += len(revision.wanted)
    if group:
        yield group


def _bring(desk: Desk, group: list[Revision], refused: dict[str, str]) -> None:
    group, heard = until_done(desk, group, partial(_send, desk), partial(_left, desk))
    if not group:
        return
    if heard.kind not in (Kind.REFUSED, Kind.DONE):
        raise DestinationRefused(
            f"push: {heard.words}; {len(group)} records are not up to date there",
            "Look at the destination with `connector doctor`; the same command goes on from here.",
        )
    if len(group) == 1:
        refused[group[0].key] = heard.words or "not done, though said to be"
        return
    middle = (len(group) + 1) // 2
    _bring(desk, group[:middle], refused)
    _bring(desk, group[middle:], refused)


def _send(desk: Desk, group: list[Revision]) -> Heard:
    keys = [revision.key for revision in group]
    heard = send(desk, list(map(_put, group)), "push", keys)
    _settle(desk, heard.found.places)
    return heard


def _lag_s(desk: Desk, heard: Heard) -> float:
    """How long a read may still show what stood before this answer, if the write was done."""
    in_doubt = heard.kind is Kind.UNCLEAR and heard.status != 429
    moved = heard.status in (409, 412)  # so it is not as it was read
    return desk.settings.search_lag_s if in_doubt or moved else 0


def _left(desk: Desk, group: list[Revision], heard: Heard) -> list[Revision]:
    """What still stands as it was, after looking again. Raises `Held` if something else does."""
    patience = Patience(_lag_s(desk, heard))
    left = [revision for revision in group if revision.key not in heard.found.places]
    left = _as_it_was(desk, left)
    while left and patience.again():
        left = _as_it_was(desk, left)
    return left


def _as_it_was(desk: Desk, group: list[Revision]) -> list[Revision]:
    left = []
    for revision in group:
        place = revision.place
        body = read(desk, place.reference)
        reading = judge(place.id, revision.wanted, body, desk.settings.base_url)
        if reading.status != "differs":
            _settle(desk, {revision.key: place._replace(version=reading.version)})
        elif body is not None and reading.version == place.version:
            left.append(revision)
        else:
            raise Held(
                "theirs",
                f"a {place.type} was changed at the destination while we brought it up to date",
                "Ask the people who run the destination what was changed and why; nothing was"
                " written over it.",
            )
    return left


def _settle(desk: Desk, places: dict[str, Place]) -> None:
    desk.wrote(Written(key, place.reference, place.version) for key, place in places.items())
    with desk.case.commit():
        delivery.settle(
            desk.case, ((*parts(key), place.id, place.version) for key, place in places.items())
        )
        delivery.finish(desk.case, map(parts, places))


def _put(revision: Revision) -> Write:
    place = revision.place
    body = with_identity(revision.wanted, place.id, ())
    full_url = f"urn:uuid:{parts(revision.key)[1]}"
    return Write(full_url, "PUT", place.reference, body, over(place.version))
