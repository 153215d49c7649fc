"""Somebody changes what we are about to write over, after we read it: theirs stands."""

from collections.abc import Callable
from typing import Any

import pytest

from connector import push
from connector.push import Session
from tests.push.conftest import one
from tests.push.packets import chart, push_all
from tests.push.takeback.test_taken_back import LATER, decided, letter
from tests.relay import Asked, Relay
from tests.sandbox_parts import Quirks, Sandbox

SessionOf = Callable[..., Session]
NOTE = [{"text": "theirs"}]


class Meanwhile:
    """Changes one resource there once, just as such a write of ours over it arrives."""

    def __init__(self, there: Sandbox, method: str, resource_type: str, **changes: Any) -> None:
        self._there, self._method = there, method
        self._type, self._changes = resource_type, changes
        self.armed = False

    def __call__(self, asked: Asked) -> None:
        first = next((r for r in self._there.resources() if r["resourceType"] == self._type), {})
        place = f"{self._type}/{first.get('id')}"
        alone = (asked.method, asked.path) == (self._method, place)
        inside = f'"method":"{self._method}","url":"{place}"'
        together = asked.transaction and inside.encode() in asked.body
        if self.armed and (alone or together):
            self.armed = False
            self._there.put(first | self._changes)


@pytest.mark.parametrize("way", ["transaction", "single"])
@pytest.mark.parametrize("resource_type", ["ServiceRequest", "Task"])
def test_a_cancellation_is_not_written_over_their_work(
    session_of: SessionOf, sandbox: Sandbox, resource_type: str, way: str
) -> None:
    taken = {"status": "accepted"} if resource_type == "Task" else {}
    meanwhile = Meanwhile(sandbox, "PUT", resource_type, note=NOTE, **taken)
    with Relay(sandbox, meanwhile) as relay:
        session = decided(session_of(url=relay.base_url, way=way), "cancel")
        push_all(session)
        theirs = one(sandbox, resource_type)
        meanwhile.armed = True
        assert push.cancel(session, letter(session), LATER) == [resource_type]
    assert not meanwhile.armed
    [stands] = [r for r in sandbox.resources() if r["id"] == theirs["id"]]
    assert {**stands, "meta": {}} == {**theirs, "note": NOTE, **taken, "meta": {}}


@pytest.mark.parametrize("way", ["transaction", "single"])
def test_a_recall_takes_nothing_away_that_they_worked_on(session_of: SessionOf, way: str) -> None:
    with Sandbox(quirks=Quirks(if_match_on_delete=True)) as guarding:
        meanwhile = Meanwhile(guarding, "DELETE", "Composition", language="en")
        with Relay(guarding, meanwhile) as relay:
            session = decided(session_of(chart(3), url=relay.base_url, way=way), "recall")
            push_all(session)
            meanwhile.armed = True
            fates = push.recall(session, LATER)
        assert not meanwhile.armed
        assert ("Composition", "remains") in {(row.type, row.fate) for row in fates}
        assert one(guarding, "Composition")["language"] == "en"


def test_a_recall_marks_nothing_that_they_worked_on(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    meanwhile = Meanwhile(sandbox, "PUT", "Encounter", language="en")
    with Relay(sandbox, meanwhile) as relay:
        session = decided(session_of(chart(3), url=relay.base_url), "recall")
        push_all(session)
        visit = {"reference": f"Encounter/{one(sandbox, 'Encounter')['id']}"}
        sandbox.put({"resourceType": "Observation", "id": "own", "status": "final",
                     "code": {"text": "Theirs"}, "encounter": visit})  # fmt: skip
        meanwhile.armed = True
        fates = push.recall(session, LATER)
    assert not meanwhile.armed
    assert ("Encounter", "remains") in {(row.type, row.fate) for row in fates}
    assert one(sandbox, "Encounter")["language"] == "en"
    assert one(sandbox, "Encounter")["status"] != "entered-in-error"
