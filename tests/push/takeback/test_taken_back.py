"""Cancel and recall: no Task of theirs is written, whoever asks; killed and run on."""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from connector import push
from connector.errors import DestinationRefused, Held
from connector.fhir.bundle import Write
from connector.fhir.gate import check
from connector.fhir.lossless import encode
from connector.fhir.mistake import _BY_STATUS, _SAYING, entered_in_error
from connector.fhir.systems import TAG
from connector.push import Session
from connector.push.takeback.removal_plan import There, plan
from connector.push.wire.write import send
from connector.store.mapped.packet import Entry
from tests.push.conftest import TRANSACTIONS, dangling, one, writes
from tests.push.packets import NOW, chart, push_all
from tests.sandbox_parts import Fault, Sandbox

SessionOf = Callable[..., Session]
LATER = "2026-11-23T10:00:00Z"
BEYOND = (
    "received", "accepted", "rejected", "ready", "cancelled", "in-progress", "on-hold", "failed",
    "completed", "entered-in-error",
)  # fmt: skip


def letter(session: Session) -> Entry:
    task = session.authored("Task")
    body = {
        "resourceType": "Task", "id": "11111111-aaaa-4bbb-8ccc-222222222222", "status": "requested",
        "intent": "order", "focus": {"reference": f"Task/{task.id}"},
        "meta": {"tag": [{"system": TAG, "code": "11111111-aaaa-4bbb-8ccc-222222222222"}]},
    }  # fmt: skip
    return Entry(0, "Task", str(body["id"]), "authored", "CancellationTask", "", encode(body))


def decided(session: Session, how: Literal["cancel", "recall"]) -> Session:
    session.case.state.withdrawal = {"how": how, "by": "A. Person", "reason": "x", "at": LATER}
    return session


@pytest.mark.parametrize("status", BEYOND)
def test_the_write_function_refuses_a_task_beyond_requested(
    session_of: SessionOf, sandbox: Sandbox, status: str
) -> None:
    session = session_of()
    push_all(session)
    sandbox.put(one(sandbox, "Task") | {"status": status})
    theirs, before = one(sandbox, "Task"), writes(sandbox)
    for kind in ("transaction", "single"):
        session.case.state.way = kind
        place = f"Task/{theirs['id']}"
        write = Write("urn:uuid:x", "PUT", place, encode(theirs | {"status": "draft"}), {})
        with pytest.raises(Held, match="theirs by now"):
            send(session, [write], "test", ["Task/x"])
    assert (one(sandbox, "Task"), writes(sandbox)) == (theirs, before)


def test_an_answer_lost_after_the_work_was_done_is_settled_by_reading(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    session = decided(session_of(), "cancel")
    push_all(session)
    sandbox.add_fault(Fault("drop-after", TRANSACTIONS, "POST", times=1))
    assert push.cancel(session, letter(session), LATER) == []
    assert (one(sandbox, "Task")["status"], one(sandbox, "ServiceRequest")["status"]) == (
        "cancelled", "revoked",
    )  # fmt: skip
    sandbox.add_fault(Fault("drop-after", TRANSACTIONS, "POST", times=1))
    assert {row.fate for row in push.recall(decided(session, "recall"), LATER)} == {"deleted"}
    assert sandbox.resources() == []


def test_what_the_destination_will_not_delete_is_emptied_and_marked(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    session = decided(session_of(chart(5)), "recall")
    push_all(session)
    observations = [r for r in sandbox.resources() if r["resourceType"] == "Observation"]
    sandbox.put(
        {"resourceType": "Observation", "id": "own", "status": "final", "code": {"text": "Theirs"},
         "hasMember": [{"reference": f"Observation/{observations[2]['id']}"}]}
    )  # fmt: skip
    fates = push.recall(session, LATER)
    marked = [row.place for row in fates if row.fate == "marked"]
    assert marked == [f"Observation/{observations[2]['id']}"]
    left = {r["id"]: r for r in sandbox.resources()}
    assert set(left) == {"own", observations[2]["id"]}
    assert "valueQuantity" not in left[observations[2]["id"]]
    assert dangling(sandbox) == set()


def test_a_destination_that_is_down_stops_it_and_it_goes_on(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    session = decided(session_of(), "recall")
    push_all(session)
    sandbox.add_fault(
        Fault("status", TRANSACTIONS, "POST", status=503, times=session.settings.attempts)
    )
    with pytest.raises(DestinationRefused):
        push.recall(session, LATER)
    assert {row.fate for row in push.recall(session, LATER)} == {"deleted"}
    assert sandbox.resources() == []


@pytest.mark.parametrize("name", sorted({*_BY_STATUS, *_SAYING}))
def test_a_marked_record_says_so_and_nothing_more(name: str) -> None:
    resource: dict[str, Any] = {"resourceType": name, "id": "1", "note": [{"text": "secret"}]}
    marked = entered_in_error(resource)
    assert marked is not None
    assert entered_in_error(marked) == marked
    assert "secret" not in str(marked)
    wrong = [
        finding for finding in check(marked) if "tatus:" in finding and "missing" not in finding
    ]
    assert wrong == []


def test_types_that_can_not_say_so_are_not_marked() -> None:
    for name in ("Patient", "Practitioner", "Organization", "Provenance", "Task"):
        assert entered_in_error({"resourceType": name, "id": "1"}) is None


def test_nothing_goes_that_something_which_stays_refers_to() -> None:
    none = frozenset[str]()
    found = [
        There("T/theirs", frozenset({"R/1"}), None, "changed"),
        There("R/1", frozenset({"C/1", "P/1"}), frozenset({"P/1"})),
        There("C/1", frozenset({"O/1"}), none),
        There("O/1", frozenset({"P/1", "O/2"}), none),
        There("O/2", frozenset({"O/1"}), none),
        There("P/1", none, None),
    ]
    made = plan(found)
    assert (made.mark, made.held) == (["R/1"], ["P/1"])
    assert [sorted(group) for group in made.delete] == [["C/1"], ["O/1", "O/2"]]
    assert NOW < LATER
