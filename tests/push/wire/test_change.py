"""Change what stands, if it is still our version: the loop, with a destination made of a dict."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from connector.endpoint import Answer
from connector.endpoint.retry import Again
from connector.errors import Held
from connector.push import Session
from connector.push.wire.change import Change, Stands, Theirs, bring
from connector.push.wire.response import Heard, by_status

ONE = Change("Observation/a", "Observation/1", "3", b'{"resourceType":"Observation"}')
TWO = replace(ONE, key="Observation/b", place="Observation/2")


class Settings:
    search_lag_s = 0.0


class Server:
    """Answers with each of `statuses` in turn (None: no answer), and stands as `stands` says."""

    settings = Settings()

    def __init__(self, statuses: list[int | None], *stands: dict[Change, Stands]) -> None:
        self.endpoint = self
        self._statuses, self._stands = statuses, list(stands)
        self.sent: list[list[Change]] = []

    def after(self, attempt: int, answer: Answer | None) -> Again | None:
        transient = answer is None or answer.status == 503
        return Again(0) if transient and attempt < 3 else None

    def send(self, changes: list[Change]) -> Heard:
        self.sent.append(changes)
        status = self._statuses.pop(0)
        return by_status(None if status is None else Answer(status, {}, b""))

    def look(self, changes: Sequence[Change], _: Heard) -> dict[Change, Stands]:
        seen = self._stands.pop(0)
        return {change: seen[change] for change in changes}

    def bring(self, *changes: Change) -> Any:
        return bring(
            cast(Session, self), list(changes), self.send, self.look, when="a {type} was changed"
        )


def test_what_is_done_is_not_sent_again_and_what_is_ours_is() -> None:
    server = Server(
        [None, 200],
        {ONE: Stands.DONE, TWO: Stands.OURS},
        {TWO: Stands.DONE},
    )
    brought = server.bring(ONE, TWO)
    assert (brought.left, brought.theirs) == ([], [])
    assert server.sent == [[ONE, TWO], [TWO]]


def test_what_is_refused_is_left_and_not_tried_again() -> None:
    server = Server([412], {ONE: Stands.OURS})
    brought = server.bring(ONE)
    assert (brought.left, brought.heard.status, len(server.sent)) == ([ONE], 412, 1)


def test_a_server_that_stays_unclear_is_tried_as_often_as_the_settings_say() -> None:
    server = Server([503] * 3, *[{ONE: Stands.OURS}] * 3)
    assert server.bring(ONE).left == [ONE]
    assert len(server.sent) == 3


@pytest.mark.parametrize("policy", [Theirs.LEAVE, Theirs.REMAIN, Theirs.BESIDE])
def test_theirs_is_never_written_over_and_the_rest_goes_on(policy: Theirs) -> None:
    theirs = replace(ONE, theirs=policy)
    server = Server([None, 200], {theirs: Stands.THEIRS, TWO: Stands.OURS}, {TWO: Stands.DONE})
    brought = server.bring(theirs, TWO)
    assert (brought.left, brought.theirs) == ([], [theirs])
    assert server.sent == [[theirs, TWO], [TWO]]


def test_theirs_holds_where_a_person_has_to_look() -> None:
    server = Server([409], {ONE: Stands.THEIRS})
    with pytest.raises(Held, match="a Observation was changed") as held:
        server.bring(ONE)
    assert held.value.code == "theirs"


@pytest.mark.parametrize(("wanted", "method"), [(ONE.wanted, "PUT"), (None, "DELETE")])
def test_a_change_is_written_over_its_version_alone(wanted: bytes | None, method: str) -> None:
    write = replace(ONE, wanted=wanted).write()
    assert (write.method, write.url, write.conditions) == (
        method, "Observation/1", {"ifMatch": 'W/"3"'},
    )  # fmt: skip
    assert replace(ONE, version=None).write().conditions == {}
