"""A letter of ours that stands told already, under the number that an update is to have.

A store restored from a backup counts from the backup: the update that it opens may have the number
of one that was told since. What was told stays as it is.
"""

from ...fhir.references import spans
from ...store.mapped import packet
from ...store.mapped.packet import LETTER
from ..session import Session, at_destination, key_of
from ..wire.find import find
from ..wire.read import read, resource
from .expected import ANNOUNCED_ASIDE, Expected, judge


def number_taken(session: Session) -> bool:
    """Whether an update of this number, that said something else, was told there.

    The same news under the same number is the same update: it is met, and not told twice. Writes
    nothing. Raises `Held` (`doubled`, `deleted`), `DestinationRefused`.
    """
    letter = packet.authored(session.case, LETTER)
    if letter is None or not session.record_by_record:
        return False
    key = key_of(letter)
    with at_destination():
        place = find(session, [key]).get(key)
        body = read(session, place.reference) if place else None
        if place is None or body is None or resource(body).get("status") == "preparation":
            return False
        expected = Expected(session, None)
        expected.meet(find(session, expected.unplaced({span.value for span in spans(letter.body)})))
        aside = ANNOUNCED_ASIDE[LETTER]
        said = judge(place.id, expected.out(key), body, session.settings.base_url, aside)
        return said.status == "differs"
