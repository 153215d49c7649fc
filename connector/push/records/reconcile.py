"""What stands at the destination of a case whose store is older than what was sent, or gone.

Everything that carries our tag is read, and what is proved to be ours goes into the ledger as we
left it: the next transfer brings it up to date instead of taking it for somebody's work. Writes
nothing there.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from ...store.ledger.last_written import Written
from ...store.mapped import packet, update
from ...store.sent import delivery
from ..session import Session, at_destination, key_of
from ..wire.find import Place, doubled, find, made_once, tagged
from ..wire.read import read
from .already_announced import already
from .expected import Expected, canonical_sha256, judge


class Found(NamedTuple):
    """One record there. `proof`: as it should be | receipt | made once | said; empty: none."""

    key: str
    place: str
    proof: str


def reconcile(
    session: Session, receipts: Mapping[str, Collection[str]], *, said: bool
) -> list[Found]:
    """Find what we brought. `receipts`: key → SHA-256 as read back, of every receipt there is.

    `said`: somebody asked the people there, and what can't be proved is ours as well. Raises `Held`
    (`doubled`), `DestinationRefused`.
    """
    rows = {f"{row.type}/{row.id}": row for row in delivery.deliveries(session.case)}
    keys = {key_of(entry) for entry in packet.entries(session.case)}
    keys |= {key for key, row in rows.items() if row.write_no > 0} | update.former_hashes(
        session.case
    ).keys()
    found, left = [], []
    with at_destination():
        for key, place in sorted(_places(session, keys).items()):
            body = read(session, place.reference)
            if body is None:
                continue
            proof = _proof(session, key, place, body, receipts) or ("said" if said else "")
            found.append(Found(key, place.reference, proof))
            if proof:
                content = canonical_sha256(body)
                left.append(Written(key, place.reference, place.version, content, content))
    session.wrote(left)
    with session.case.commit():
        for one in left:
            resource_type, _, resource_id = one.record.partition("/")
            delivery.moved(session.case, resource_type, resource_id, one.version)
    return found


def _places(session: Session, keys: Collection[str]) -> dict[str, Place]:
    if session.settings.write == "put":
        return find(session, keys)
    places = tagged(session, keys)
    if twice := [key for key, several in places.items() if len(several) > 1]:
        raise doubled(twice)
    return {key: several[0] for key, several in places.items()}


def _proof(
    session: Session, key: str, place: Place, body: bytes, receipts: Mapping[str, Collection[str]]
) -> str:
    if canonical_sha256(body) in receipts.get(key, ()):
        return "receipt"
    resource_type, _, resource_id = key.partition("/")
    expected = Expected(session, None)
    row = delivery.Delivery(
        resource_type, resource_id, 1, place.id, place.version, None, None, "sent", ""
    )
    reading = judge(place.id, expected.of(key), body, session.settings.base_url)
    out = already(session, expected, row, body)
    if reading.status != "differs" or (out is not None and out.status != "theirs"):
        return "as it should be"
    return "made once" if made_once(session, place) else ""
