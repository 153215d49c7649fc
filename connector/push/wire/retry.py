"""Trying again: the one loop around a write, and the one pause."""

import time
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from ...endpoint import Answer
from ...endpoint.retry import Again, Park
from ..session import Session
from .response import Verdict

T = TypeVar("T")
V = TypeVar("V", bound=Verdict)


def until_done(
    session: Session,
    todo: list[T],
    send: Callable[[list[T]], V],
    left: Callable[[list[T], V], list[T]],
) -> tuple[list[T], V]:
    """Send `todo`, and again what is `left` of it, as long as the retry decision says so.

    `left` is asked after the pause, with what was heard: it reads what stands there by then.
    Returns what is left at the end, and what was heard last. Raises `Waiting` if the destination
    wants us back later than anybody should sleep.
    """
    for attempt in count(1):
        heard = send(todo)
        again = _pause(session, attempt, heard.answer)
        todo = left(todo, heard)
        if not (todo and again):
            return todo, heard
    raise AssertionError("the retry decision ends the loop")


def _pause(session: Session, attempt: int, answer: Answer | None) -> bool:
    """After try number `attempt` (from 1) got `answer`: sleep, if another try is due."""
    decision = session.endpoint.after(attempt, answer)
    if isinstance(decision, Park):
        raise decision.waiting("push", "destination")
    if isinstance(decision, Again):
        time.sleep(decision.after_s)
    return decision is not None
