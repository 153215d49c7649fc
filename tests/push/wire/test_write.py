"""The write cycle: each write that was begun is settled, whoever began it and wherever it ended."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from connector import push
from connector.endpoint import Answer, Endpoint
from connector.errors import LockHeld, UsageError
from connector.fhir.bundle import Write
from connector.push import Session
from connector.push.evidence.disclosure import attempt
from connector.push.wire.response import by_entries
from connector.push.wire.write import exchange, intend
from tests.push.conftest import assert_whole, writes
from tests.push.packets import NOW, chart, push_all
from tests.push.records.test_deliver import circle
from tests.sandbox_parts import Sandbox

SessionOf = Callable[..., Session]


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def killed_before_the_answer_is_kept(session: Session, number: int) -> Iterator[None]:
    """A run that ends between the answer to its write `number` (from 1) and the ledger."""
    answer, told = session.ledger.answer, []

    def keep(*given: Any) -> None:
        told.append(given)
        if len(told) == number:
            raise Killed
        answer(*given)

    session.ledger.answer = keep  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        yield
    session.ledger.answer = answer  # type: ignore[method-assign]


def outcomes(session: Session) -> dict[int, str | None]:
    with closing(sqlite3.connect(session.case.folder.parent / "ledger.db")) as ledger:
        return dict(ledger.execute("SELECT write_no, outcome FROM ledger_write ORDER BY write_no"))


def test_a_revision_killed_before_its_answer_is_kept_is_settled(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    session = session_of([*circle(2), *chart(1)], way="batch")
    push.resolve(session)
    push.deliver(session)
    with killed_before_the_answer_is_kept(session, 1):
        push.read_back(session)
    [open_yet] = [number for number, outcome in outcomes(session).items() if outcome is None]
    push.read_back(session)
    assert outcomes(session)[open_yet] == "settled by reading"
    push.announce(session, NOW)
    assert one_task(sandbox) == "requested"


def one_task(sandbox: Sandbox) -> str:
    [task] = sandbox.resources("Task")
    return str(task["status"])


@pytest.mark.parametrize("number", range(1, 6))
@pytest.mark.parametrize("way", ["transaction", "batch", "single"])
def test_whichever_write_a_run_ends_in_the_next_settles_it(
    session_of: SessionOf, sandbox: Sandbox, way: str, number: int
) -> None:
    session = session_of(bundle={"max_entries": 3}, way=way)
    with killed_before_the_answer_is_kept(session, number):
        push_all(session)
    sent = writes(sandbox)
    push_all(session)
    assert_whole(sandbox)
    assert None not in outcomes(session).values()
    assert writes(sandbox) >= sent


def test_the_ledger_of_the_day_before_gives_no_number_twice_and_no_answer_is_overwritten(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    session = session_of([*circle(2), *chart(1)], way="batch")
    push.resolve(session)
    push.deliver(session)
    push.read_back(session)
    with killed_before_the_answer_is_kept(session, 1):
        push.announce(session, NOW)
    [begun] = [number for number, outcome in outcomes(session).items() if outcome is None]
    with session.ledger._begin() as db:
        db.exec_driver_sql(f"DELETE FROM ledger_write WHERE write_no >= {begun}")
    again = intend(session, ())
    assert again > begun
    session.ledger.intend(
        session.handle, session.fence, again, "PUT", "0" * 64, 1,
        attempt(session, "deliver", 1),
    )  # fmt: skip
    session.ledger.answer(session.handle, again, 412, "refused")
    push.announce(session, NOW)
    assert outcomes(session)[again] == "refused"


def test_the_intent_is_committed_before_a_byte_leaves(session_of: SessionOf) -> None:
    """Looked at by other connections, at the moment of sending: in the ledger and the case file."""
    seen = list[tuple[list[int], int]]()

    class Looking(Endpoint):
        def write(self, *given: Any, **named: Any) -> Answer:
            with closing(sqlite3.connect(session.case.folder / "case.db")) as case:
                sql = "SELECT max(write_no) FROM delivery WHERE status = 'intended'"
                [(number,)] = case.execute(sql)
            open_yet = [number for number, outcome in outcomes(session).items() if outcome is None]
            seen.append((open_yet, number))
            return super().write(*given, **named)

    session = session_of(bundle={"max_entries": 3}, endpoint=Looking)
    push.resolve(session)
    push.deliver(session)
    assert [(open_yet == [number]) for open_yet, number in seen] == [True] * len(seen)
    assert len(seen) > 1


def test_a_write_takes_the_turn_by_itself(session_of: SessionOf) -> None:
    session, other = session_of(wait_max_s=0), session_of(handle="another-case")
    push.resolve(session)
    push.deliver(session)
    push.read_back(session)
    with other.turn, pytest.raises(LockHeld):
        push.announce(session, NOW)
    push.announce(session, NOW)


def test_where_a_secret_cannot_be_read_nothing_is_intended(session_of: SessionOf) -> None:
    def without_secret() -> Endpoint:
        raise UsageError("no secret")

    session = replace(session_of(), opens=without_secret)
    create = Write("", "POST", "Patient", b"{}", {})
    with pytest.raises(UsageError):
        exchange(session, create, "create", "deliver", 1, partial(by_entries, []))
    assert outcomes(session) == {}
