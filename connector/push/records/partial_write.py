"""A write that was carried out in part: what stands there of it is ours, and not yet whole.

A server whose transactions do not hold together answers 200 with failed entries, or an error, and
keeps what passed before. What passed may refer to what did not: by the placeholder that we sent, or
not at all. As it stands right after our write is how we left it, and so `read_back` brings it up to
date instead of taking it for a difference.
"""

from collections.abc import Collection

from ...store.ledger.last_written import Written
from ...store.sent import delivery
from ...store.sent.delivery import STOOD
from ..session import Session, parts
from ..wire.find import Place, made_once
from ..wire.read import read, resource, version_of
from .batching import Survey
from .expected import canonical_sha256


def half_taken(
    session: Session, whole: Survey, sent: Collection[str], places: dict[str, str]
) -> None:
    """Take note of those of `sent`, one write, that stand and refer to others that do not.

    `places`: key → `Type/id` there of all that stands.
    """
    left = {key for key in sent if key not in places}
    if not left or not session.reads:
        return
    rows = {f"{row.type}/{row.id}": row for row in delivery.deliveries(session.case, "sent")}
    missing, ours = {}, []
    for key in sent:
        if key in left or not (lacks := left.intersection(whole.edges[key])):
            continue
        row, body = rows.get(key), read(session, places[key])
        if row is None or row.note == STOOD or body is None:
            continue
        version = version_of(resource(body))
        if row.version == version or made_once(session, Place(*parts(places[key]), version)):
            missing[parts(key)] = lacks
            ours.append(Written(key, places[key], version, None, canonical_sha256(body)))
    session.wrote(ours)
    delivery.incomplete(session.case, missing)
