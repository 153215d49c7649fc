"""The packet as a FHIR message to `$process-message` (R4 messaging.html), sent once.

The operation is not idempotent and nothing of it need be readable afterwards. The proof is the
answering message: MessageHeader.response names our MessageHeader and says `ok`. Sent again is one
whose answer was lost only where the server says that it knows a message that came before
(CapabilityStatement.messaging.reliableCache), within that time, under the same two ids; else a
person has to ask.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from ...endpoint import Answer
from ...errors import DestinationRefused, Waiting
from ...fhir import capability
from ...fhir.bundle import Write
from ...instant import instant
from ...store.case.transitions import announced
from .. import unknown_outcome
from ..patient.resolve import check_again
from ..session import Session, at_destination
from ..wire.retry import until_done
from ..wire.write import exchange, intend, settle
from . import bundle
from .bundle import Whole
from .message_response import Response, ResponseKind, response_of

_WHERE = "$process-message?async=false"
_WHAT = "the message"
_BACK_AFTER = timedelta(minutes=15)  # a transient error of which nobody says how long it lasts


def ready(session: Session, message: Whole) -> int:
    """For how many minutes the destination knows a message that came before; 0: not at all.

    Raises `DestinationRefused` if it takes no messages at all, or has refused this one for good.
    """
    kept = session.case.state.message or {}
    if kept.get("fatal") and kept["name"] == message.name:
        raise _fatal(kept["fatal"])
    with at_destination():
        body = session.endpoint.get("metadata", "CapabilityStatement").body
        statement = capability.parse(body)
    if not statement.messages:
        raise DestinationRefused(
            "the destination does not say that it takes messages ($process-message)",
            "Ask the people who run it, or send the packet as a transaction or document.",
        )
    return statement.reliable_cache_min


class Sending:
    """One message on its way. `cache_min`: as `ready` says.

    `_kept` (`state.message`): under which ids it left, when first. What arrives sets in the state:
    `response` and `announced_at`.
    """

    def __init__(
        self, session: Session, message: Whole, cache_min: int, clock: Callable[[], datetime]
    ) -> None:
        self._session = session
        self._message = message
        self._cache = timedelta(minutes=cache_min)
        self._clock = clock
        [(key, _), *_] = message.entries()
        self._id = key.partition("/")[2]
        kept = session.case.state.message or {}
        same = kept.get("name") == message.name
        self._kept: dict[str, Any] = kept if same else {"name": message.name}

    def has_arrived(self) -> bool:
        """Settle what an earlier run sent. Raises `Held` if nobody knows, and it can't be sent."""
        session = self._session
        if not self._kept.get("open"):
            return False
        said = unknown_outcome.told(session)
        if said == "arrived":
            settle(session, "settled by asking")
            self._arrived(None, unknown_outcome.ARRIVED)
            return True
        if said == "absent":
            self._keep(open=False, first=None)
        elif not self._may_repeat():
            raise unknown_outcome.in_doubt(session, _WHAT)
        settle(session, "to be sent again")
        return False

    def until_answered(self) -> None:
        """Send it, and again where that can't make two of it.

        Raises `Held` (`unclear`, `identity`), `DestinationRefused`, `Waiting`.
        """
        with at_destination():
            check_again(self._session)
            with self._session.turn:
                left, heard = until_done(self._session, [self._message], self._send, self._left)
        if not left:
            return
        if heard.kind is ResponseKind.NOT_NOW:
            back = instant(self._clock() + _BACK_AFTER)
            raise Waiting(f"push: the message can't be processed now ({heard.words})", back)
        raise DestinationRefused(
            f"push: {heard.words}; the message may have arrived",
            "The same command sends it again, as long as the destination would notice.",
        )

    def _send(self, _: list[Whole]) -> Response:
        """One try. Raises where there must be no other."""
        session = self._session
        write = Write("", "POST", _WHERE, self._body(), {})
        judge = partial(response_of, message_id=self._id)
        resources = len(bundle.going(session))
        heard = exchange(session, write, "message", "deliver", resources, judge, self._holds)
        if heard.kind in (ResponseKind.REFUSED, ResponseKind.FATAL):
            raise self._refused(heard)
        if heard.kind is ResponseKind.SILENT:
            raise unknown_outcome.in_doubt(session, _WHAT, f"it was taken, no more ({heard.words})")
        if heard.kind is ResponseKind.UNCLEAR and not self._may_repeat():
            raise unknown_outcome.in_doubt(session, _WHAT)
        if heard.kind is ResponseKind.NOT_NOW:
            # Not processed: a new Bundle says that it is meant anew. Tried again as after a 503.
            self._keep(open=False, first=None, again=self._kept.get("again", 0) + 1)
            return replace(
                heard, answer=Answer(503, heard.answer.headers if heard.answer else {}, b"")
            )
        return heard

    def _left(self, messages: list[Whole], heard: Response) -> list[Whole]:
        if heard.kind is not ResponseKind.DONE:
            return messages
        self._arrived({"code": "ok", "answer": heard.id}, "")
        return []

    def _holds(self) -> int:
        first = self._kept.get("first") or self._clock().astimezone(UTC).isoformat()
        number = intend(self._session, bundle.going(self._session))
        self._keep(open=True, first=first)
        return number

    def _body(self) -> bytes:
        """The same message each time; in a new Bundle if it is to be processed once more."""
        again = self._kept.get("again", 0)
        if not again:
            return self._message.body
        name = self._message.name
        other = str(uuid.uuid5(uuid.UUID(name), f"again/{again}"))
        return self._message.body.replace(f'"id":"{name}"'.encode(), f'"id":"{other}"'.encode(), 1)

    def _refused(self, heard: Response) -> DestinationRefused:
        fatal = heard.kind is ResponseKind.FATAL
        self._keep(open=False, fatal=heard.words if fatal else None)
        error = bundle.not_taken(
            self._session, heard.words, "Check `auth` of this destination, and its address."
        )
        return _fatal(heard.words) if fatal else error

    def _arrived(self, response: dict[str, str | None] | None, note: str) -> None:
        session = self._session
        with session.case.commit():
            bundle.accept(session, self._message, None, note)
            self._keep(open=False)
            session.case.state.response = response and {"message": self._id, **response}
            announced(session.case, instant(self._clock()))
            unknown_outcome.settled(session)

    def _may_repeat(self) -> bool:
        """Whether the destination still knows the one that may have come."""
        first = self._kept.get("first")
        age = self._clock() - datetime.fromisoformat(first) if first else timedelta()
        return age < self._cache

    def _keep(self, **changes: Any) -> None:
        self._kept |= changes
        with self._session.case.commit():
            self._session.case.state.message = self._kept
            if not self._kept.get("open"):
                unknown_outcome.settled(self._session)


def _fatal(words: str) -> DestinationRefused:
    return DestinationRefused(
        f"the destination refuses the message as it is: {words}",
        "Ask the people who run it what it lacks; it is not sent again until the packet is another"
        " one.",
    )
