"""A record that is not as it should be, weighed against what the ledger knows of it."""

from collections.abc import Collection
from typing import Any

from ...fhir.ids import derived_id
from ...fhir.lossless import UndecodableError
from ...store.ledger.last_written import Known
from ...store.sent.delivery import STOOD, Delivery
from ..session import Session, parts
from ..wire.find import Place, made_once
from .expected import Reading, canonical_sha256, judge
from .ownership import Ours, There, Whose, as_left, united, whose

NEWER = "a later case of ours brought a newer version"


def weigh(
    session: Session,
    row: Delivery,
    body: bytes | None,
    wanted: bytes,
    first: bytes | None,
    aside: Collection[str],
    gone: Collection[str] = (),
    *,
    only_look: bool,
) -> tuple[Reading, Whose | None, bytes]:
    """(reading, whose it is, form it should have) of a resource that differs from `wanted`.

    `gone`: places that something else of ours has taken over, or that were deleted. `first`: the
    form in which it left, if that was not the whole. Whose is None if it differs only
    in links that another case of ours brought: the form it should have holds them too. `only_look`:
    nothing is going to be brought up to date.
    """
    base = session.settings.base_url
    if body is None:
        return judge(row.target_id, wanted, body, base, aside), Whose.CHANGED, wanted
    key, place = f"{row.type}/{row.id}", f"{row.type}/{row.target_id}"
    keyed, handle = session.ledger.keyed, session.handle
    known = session.known([key]).get(key)
    reading = judge(row.target_id, wanted, body, base, aside)
    there = There(place, reading.version, reading.read_sha256)
    if known is None and row.note == STOOD and row.target_id is not None:
        # No ledger knows of it (a backup, another machine): it carries our tag, and if nobody has
        # written it since it was made, it stands as we left it.
        stands = Place(row.type, row.target_id, reading.version)
        if made_once(session, stands):
            known = Known(keyed(place), reading.version, None, keyed(reading.read_sha256), "", "")
    left = known is not None and as_left(there, known, keyed)

    def same(identifier: dict[str, Any], references: set[str]) -> str | None:
        target = _named(session, identifier)
        brought = target and session.known([target]).get(target)
        fitting = (r for r in sorted(references) if brought and brought.place == keyed(r))
        return next(fitting, None)

    try:
        wanted = united(
            wanted, body, same, targets=left and first is None, gone=gone, base_url=base
        )
    except UndecodableError:
        return reading, Whose.CHANGED, wanted  # what can't be read is not what was sent
    reading = judge(row.target_id, wanted, body, base, aside)
    if reading.status != "differs":
        return reading, None, wanted
    ours = Ours(
        reading.sent_sha256,
        canonical_sha256(first) if first is not None else None,
        row.note == STOOD,
        handle,
        session.case.state.as_of or "",
    )
    verdict = whose(there, ours, known, keyed)
    anothers = known is not None and known.handle != handle
    if verdict is Whose.NEWER or (verdict is Whose.OLDER and only_look and anothers):
        reading = reading._replace(status="verified", sent_sha256=reading.read_sha256, note=NEWER)
        return reading, Whose.NEWER, wanted
    return reading, verdict, wanted


def _named(session: Session, identifier: dict[str, Any]) -> str | None:
    """The key of the record that one of our stand-ins names."""
    if identifier.get("system") != f"urn:uuid:{session.source.id}":
        return None
    resource_type, resource_id = parts(str(identifier.get("value")))
    return f"{resource_type}/{derived_id(session.source.id, resource_type, resource_id)}"
