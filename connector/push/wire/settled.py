"""One later write about a packet that stands there: cancelled or recalled. Settled by reading."""

from collections.abc import Sequence

from ...endpoint import Answer
from ...endpoint.shape import describe
from ...errors import DestinationRefused
from ...fhir.bundle import Write
from ...store import delivery
from ...store.disclosures import Event
from ..session import Desk
from .response import Kind, kind_of
from .write import post


def settle_begun(desk: Desk) -> None:
    """Say of a write that an earlier run began that what is read now settles it."""
    write_no = desk.case.state.second_write
    if write_no is not None:
        desk.ledger.answer(desk.handle, write_no, None, "settled by reading")
        desk.case.state.second_write = None


def send(desk: Desk, writes: Sequence[Write], event: Event) -> tuple[Kind, Answer | None, str]:
    """One try: the kind of answer, the answer, words safe to print. What came of it: read.

    Raises `DestinationRefused` if we are not let in at all, and what `post` raises.
    """
    write_no = desk.next_write_no()
    desk.case.state.second_write = write_no
    answer = post(desk, write_no, writes, event, event)
    kind, words = kind_of(answer), "no whole answer from the destination"
    if answer is not None:
        words = describe(answer) if kind is not Kind.DONE else "said to be done, and it is not"
        if kind is not Kind.DONE:
            delivery.keep_words(desk.case, write_no, answer.status, answer.body)
    desk.ledger.answer(desk.handle, write_no, answer.status if answer else None, kind.value)
    desk.case.state.second_write = None
    if answer is not None and answer.status == 401:
        raise DestinationRefused(
            f"{event}: {words}", "Check `auth` of this destination and what its account may write."
        )
    return kind, answer, words
