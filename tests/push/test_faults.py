"""Never twice: bad moments of the network and of the server, met once or for good."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from connector import push
from connector.endpoint import Answer, Endpoint
from connector.errors import DestinationRefused, LockHeld, SignInFailed, Waiting
from connector.fhir.lossless import decode
from connector.push import Session
from connector.store.sent import delivery
from tests.push.conftest import (
    SMALL,
    STRATEGIES,
    TRANSACTIONS,
    assert_whole,
    kinds,
    writes,
)
from tests.push.packets import push_all
from tests.sandbox_parts import Fault, Sandbox

SessionOf = Callable[..., Session]


class Afterwards(Endpoint):
    """A server that does the work and then says 500, at every other write."""

    writes = 0

    def write(self, *given: Any, **named: Any) -> Answer:
        answer = super().write(*given, **named)
        self.writes += 1
        return answer if self.writes % 2 == 0 else Answer(500, {}, b"")


@pytest.mark.parametrize("write", STRATEGIES)
def test_work_done_and_answered_with_500(
    session_of: SessionOf, sandbox: Sandbox, write: str
) -> None:
    push_all(session_of(write=write, bundle=SMALL, endpoint=Afterwards))
    assert_whole(sandbox)


class Wordy(Endpoint):
    """A server that does the work and says more of it than we take."""

    def write(self, *given: Any, **named: Any) -> Answer:
        exchanges = self._exchanges
        exchanges._body_max, whole = 100, exchanges._body_max
        try:
            return super().write(*given, **named)
        finally:
            exchanges._body_max = whole


@pytest.mark.parametrize("write", STRATEGIES)
def test_too_large_an_answer_to_a_write_is_settled_by_reading(
    session_of: SessionOf, sandbox: Sandbox, write: str
) -> None:
    session = session_of(write=write, bundle=SMALL, endpoint=Wordy)
    push_all(session)
    assert_whole(sandbox)
    assert {r["meta"]["versionId"] for r in sandbox.resources("Observation")} == {"1"}


def test_a_write_for_which_we_were_not_let_in_was_not_sent(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    class SignedOut(Endpoint):
        def write(self, *given: Any, **named: Any) -> Answer:
            raise SignInFailed("no token")

    session = session_of(endpoint=SignedOut)
    with pytest.raises(DestinationRefused):
        push_all(session)
    assert writes(sandbox) == 0
    with closing(sqlite3.connect(session.case.folder.parent / "ledger.db")) as ledger:
        assert ledger.execute("SELECT outcome FROM ledger_write").fetchall() == [("not sent",)]


FAULTS: dict[str, dict[str, Any]] = {
    "drop-after": {"kind": "drop-after"},
    "drop-before": {"kind": "drop-before"},
    "cut-body": {"kind": "cut-body"},
    "not-json": {"kind": "not-json"},
    "500": {"kind": "status", "status": 500},
    "429": {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
    "503": {"kind": "status", "status": 503},
    "409": {"kind": "status", "status": 409},
}
# With small bundles: three writes of records are met, the last of them, and the announcement.
MOMENTS = [("conditional", fault, skip) for fault in FAULTS for skip in range(5)]
MOMENTS += [(write, fault, 1) for write in ("put", "create") for fault in FAULTS]


@pytest.mark.parametrize(("write", "fault", "skip"), MOMENTS)
def test_one_bad_moment(
    session_of: SessionOf, sandbox: Sandbox, write: str, fault: str, skip: int
) -> None:
    sandbox.add_fault(Fault(**FAULTS[fault], path=TRANSACTIONS, method="POST", skip=skip, times=1))
    try:
        push_all(session_of(write=write, bundle=SMALL))
    except DestinationRefused:
        assert fault == "not-json" or (fault, skip) == ("409", 4)
        push_all(session_of(write=write, bundle=SMALL))
    assert_whole(sandbox)
    assert delivery.deliveries(session_of().case, "rejected") == []


def test_a_long_wait_parks_and_goes_on_later(session_of: SessionOf, sandbox: Sandbox) -> None:
    hour = {"Retry-After": "3600"}
    sandbox.add_fault(Fault("status", path=TRANSACTIONS, status=503, headers=hour, skip=2, times=1))
    with pytest.raises(Waiting) as waiting:
        push_all(session_of(bundle=SMALL))
    assert waiting.value.until > "2026"
    assert "Task" not in kinds(sandbox)
    push_all(session_of(bundle=SMALL))
    assert_whole(sandbox)


@pytest.mark.parametrize("kind", ["drop-after", "drop-before", "login-page"])
def test_a_server_that_stays_away_is_refused_and_resumed(
    session_of: SessionOf, sandbox: Sandbox, kind: Any
) -> None:
    sandbox.add_fault(Fault(kind, path="/fhir", method="POST", skip=3))
    with pytest.raises(DestinationRefused):
        push_all(session_of(bundle=SMALL))
    sandbox.clear_faults()
    push_all(session_of(bundle=SMALL))
    assert_whole(sandbox)


@pytest.mark.parametrize("status", [401, 403, 501])
def test_what_no_other_content_would_change_ends_at_once(
    session_of: SessionOf, sandbox: Sandbox, status: int
) -> None:
    sandbox.add_fault(Fault("status", path=TRANSACTIONS, status=status, skip=1))
    with pytest.raises(DestinationRefused, match=str(status)):
        push_all(session_of(bundle=SMALL))
    assert writes(sandbox) == 2


def test_fewer_answers_than_entries(session_of: SessionOf, sandbox: Sandbox) -> None:
    class Forgetful(Endpoint):
        def write(self, *given: Any, **named: Any) -> Answer:
            answer = super().write(*given, **named)
            short = decode(answer.body)["entry"][1:]
            body = b'{"resourceType":"Bundle","entry":[' + b",".join([b"{}"] * len(short)) + b"]}"
            return Answer(answer.status, answer.headers, body)

    push_all(session_of(bundle=SMALL, endpoint=Forgetful))
    assert_whole(sandbox)


def test_locations_of_another_type_prove_nothing(session_of: SessionOf, sandbox: Sandbox) -> None:
    class Confused(Endpoint):
        def write(self, *given: Any, **named: Any) -> Answer:
            answer = super().write(*given, **named)
            body = re.sub(rb"Observation/\d+", b"Patient/1", answer.body)
            return Answer(answer.status, answer.headers, body)

    push_all(session_of(endpoint=Confused))
    assert_whole(sandbox)


def test_an_overtaken_process_cannot_write(session_of: SessionOf, sandbox: Sandbox) -> None:
    paused = session_of()
    push.resolve(paused)
    session_of()  # another process takes the case
    with pytest.raises(LockHeld):
        push.deliver(paused)
    assert writes(sandbox) == 0
