"""The second write of a record: PUT over exactly the version that we know to be ours.

For records that left without some of their references, and for those that an earlier case brought
in an older version. Every answer, clear or not, is settled by reading.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ...endpoint import Answer
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
from ..wire.response import Kind, judged, kind_of
from ..wire.search_lag import Patience
from ..wire.write import may_try_again, post
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
        with desk.ledger.turn(str(desk.settings.id), desk.settings.wait_max_s):
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
    attempt = 0
    while group:
        attempt += 1
        answer, done = _send(desk, group)
        open_yet = [revision for revision in group if revision.key not in done]
        group = _left(desk, open_yet, Patience(_lag_s(desk, answer)))
        if not group or may_try_again(desk, attempt, answer):
            continue
        kind, words, _ = judged([revision.key for revision in group], answer)
        if kind not in (Kind.REFUSED, Kind.DONE):
            raise DestinationRefused(
                f"push: {words}; {len(group)} records are not up to date there",
                "Look at the destination with `connector doctor`; the same command goes on from"
                " here.",
            )
        if len(group) == 1:
            refused[group[0].key] = words or "not done, though said to be"
            return
        middle = (len(group) + 1) // 2
        _bring(desk, group[:middle], refused)
        group, attempt = group[middle:], 0


def _send(desk: Desk, group: list[Revision]) -> tuple[Answer | None, Collection[str]]:
    """One try: the answer, and what it proves to be done."""
    write_no = desk.next_write_no()
    answer = post(desk, write_no, list(map(_put, group)), "push")
    kind, _, found = judged([revision.key for revision in group], answer)
    if answer is not None and kind is not Kind.DONE:
        delivery.keep_words(desk.case, write_no, answer.status, answer.body)
    desk.ledger.answer(desk.handle, write_no, answer.status if answer else None, kind.value)
    _settle(desk, found.places)
    return answer, found.places


def _lag_s(desk: Desk, answer: Answer | None) -> float:
    """How long a read may still show what stood before this answer, if the write was done."""
    in_doubt = kind_of(answer) is Kind.UNCLEAR and (answer is None or answer.status != 429)
    moved = answer is not None and answer.status in (409, 412)  # so it is not as it was read
    return desk.settings.search_lag_s if in_doubt or moved else 0


def _left(desk: Desk, group: list[Revision], patience: Patience) -> list[Revision]:
    """What still stands as it was, after looking again. Raises `Held` if something else does."""
    left = _as_it_was(desk, group)
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
    condition = {"ifMatch": f'W/"{place.version}"'} if place.version else {}
    body = with_identity(revision.wanted, place.id, ())
    full_url = f"urn:uuid:{parts(revision.key)[1]}"
    return Write(full_url, "PUT", place.reference, body, condition)
