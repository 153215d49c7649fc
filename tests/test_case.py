"""The table of states, the exit code of a case, and the parts of a request."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connector.case import TABLE, Facts, State, exit_codes, may_follow
from connector.deadline import due_at, span, zone_of
from connector.errors import PRECEDENCE, Exit, precedence, worst
from connector.model import Model
from connector.request import Request

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(days=1), NOW - timedelta(days=1)
SMALLEST = {
    "request_id": "r-1",
    "patient": {"id": "1"},
    "key_question": "treatment",
    "question": "Is surgery the best next step?",
    "needed_by": "2026-12-01",
    "source": "home",
    "destination": "away",
}


def codes(state: State, goal: State = State.VERIFIED, **facts: Any) -> list[Exit]:
    return exit_codes(Facts(state=state, now=NOW, **facts), goal)


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(TABLE) == set(State)
    reached = {State.OPENED}
    while new := {s for r in reached for s in State if may_follow(r, s)} - reached:
        reached |= new
    assert reached == set(State)


def test_every_state_leads_on_to_verified() -> None:
    for start in State:
        reached = {start}
        while new := {s for r in reached for s in TABLE[r][1]} - reached:
            reached |= new
        assert State.VERIFIED in reached, start


@pytest.mark.parametrize("state", State)
def test_a_state_may_follow_itself_and_any_may_be_held_or_wait(state: State) -> None:
    assert may_follow(state, state)
    assert may_follow(state, State.HELD)
    assert may_follow(state, State.WAITING)


@pytest.mark.parametrize(
    ("state", "following"),
    [
        (State.OPENED, State.READY),  # no packet without a chart
        (State.OPENED, State.SENDING),
        (State.PULLED, State.SENDING),  # nothing leaves that was not authored
        (State.UNAPPROVED, State.SENDING),  # … or approved
        (State.UNAPPROVED, State.DELIVERED),
        (State.READY, State.VERIFIED),
        (State.SENDING, State.VERIFIED),  # no announcement before all is read back
        (State.SENDING, State.ACCEPTED),
        (State.SENDING, State.OPENED),  # something may stand there: no way back
        (State.SENDING, State.READY),
        (State.ACCEPTED, State.OPENED),  # what can't be read gets no update
        (State.VERIFIED, State.SENDING),
        (State.SOURCE_FAILED, State.SENDING),
    ],
)
def test_no_step_is_skipped(state: State, following: State) -> None:
    assert not may_follow(state, following)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State.OPENED, Exit.WAITING),
        (State.PULLED, Exit.WAITING),
        (State.READY, Exit.WAITING),
        (State.UNAPPROVED, Exit.HELD),
        (State.SENDING, Exit.WAITING),
        (State.DELIVERED, Exit.WAITING),
        (State.VERIFIED, Exit.DELIVERED),
        (State.ACCEPTED, Exit.DELIVERED),
        (State.WAITING, Exit.WAITING),
        (State.HELD, Exit.HELD),
        (State.SOURCE_FAILED, Exit.SOURCE_FAILED),
        (State.REFUSED, Exit.DESTINATION_REFUSED),
        (State.DIFFERS, Exit.DIFFERS),
    ],
)
def test_what_each_state_stands_for(state: State, code: Exit) -> None:
    assert codes(state) == [code]


def test_exit_codes_are_a_contract() -> None:
    assert {code.name: int(code) for code in Exit} == {
        "DELIVERED": 0, "INTERNAL": 1, "USAGE": 2, "INCOMPLETE": 3, "WAITING": 4, "HELD": 5,
        "SOURCE_FAILED": 6, "DESTINATION_REFUSED": 7, "DIFFERS": 8, "LOCKED": 10, "LATE": 11,
        "INTERRUPTED": 130,
    }  # fmt: skip
    assert [int(code) for code in PRECEDENCE] == [130, 1, 2, 10, 5, 6, 7, 8, 3, 11, 4, 0]


def test_late_with_nothing_delivered_comes_before_what_stands_in_the_way() -> None:
    assert [int(code) for code in precedence(missed=True)] == [
        130, 1, 2, 10, 11, 5, 6, 7, 8, 3, 4, 0,
    ]  # fmt: skip
    assert [int(code) for code in precedence(many=True)] == [
        130, 1, 10, 5, 6, 7, 8, 3, 2, 11, 4, 0,
    ]  # fmt: skip
    assert [int(code) for code in precedence(missed=True, many=True)] == [
        130, 1, 10, 11, 5, 6, 7, 8, 3, 2, 4, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("several", "first"),
    [
        ([], 0),
        ([0, 4], 4),
        ([4, 11], 11),
        ([11, 3], 3),
        ([3, 8, 7, 6, 5], 5),
        ([10, 5], 10),
        ([2, 10], 2),
        ([1, 2], 1),
        ([130, 1, 0], 130),
    ],
)
def test_the_worst_of_several(several: list[int], first: int) -> None:
    assert worst([Exit(code) for code in several]) == first


@pytest.mark.parametrize("fact", ["missing_required", "unexpected_gap"])
def test_a_verified_case_with_something_missing_says_so(fact: str) -> None:
    facts = Facts.model_validate({"state": "verified", "now": NOW, fact: True})
    assert exit_codes(facts) == [Exit.INCOMPLETE]


@pytest.mark.parametrize(
    ("state", "facts", "expected"),
    [
        (State.VERIFIED, {"due": LATER, "delivered_at": NOW}, [0]),
        (State.VERIFIED, {"due": NOW, "delivered_at": NOW}, [0]),
        (State.VERIFIED, {"due": EARLIER, "delivered_at": NOW}, [11]),
        (State.VERIFIED, {"due": EARLIER, "delivered_at": EARLIER}, [0]),  # long over
        (State.OPENED, {"due": LATER}, [4]),
        (State.OPENED, {"due": EARLIER}, [11, 4]),
        (State.WAITING, {"due": LATER, "back_at": LATER + timedelta(seconds=1)}, [11, 4]),
        (State.WAITING, {"due": LATER, "back_at": LATER}, [4]),
        (State.WAITING, {"due": LATER, "back_at": EARLIER}, [4]),
        (State.WAITING, {"due": EARLIER, "unexpected_gap": True}, [11, 3, 4]),
        (State.HELD, {"due": EARLIER, "missing_required": True}, [11, 5, 3]),
        (State.DIFFERS, {"due": EARLIER, "missing_required": True}, [11, 8, 3]),
        # Delivered, though too late: then what is missing matters more.
        (
            State.DIFFERS,
            {"due": EARLIER, "delivered_at": NOW, "missing_required": True},
            [8, 3, 11],
        ),
        (State.HELD, {"due": LATER, "back_at": LATER + timedelta(days=9)}, [5, 11]),
        # A person said that nobody waits.
        (State.HELD, {"due": EARLIER, "missing_required": True, "closed": True}, [0]),
        (State.VERIFIED, {"due": LATER, "missing_required": True, "closed": True}, [0]),
    ],
)
def test_all_that_applies_worst_first(
    state: State, facts: dict[str, Any], expected: list[int]
) -> None:
    assert codes(state, **facts) == expected


@pytest.mark.parametrize(
    ("goal", "reached"),
    [
        (State.PULLED, {State.PULLED, State.READY, State.UNAPPROVED, State.SENDING,
                        State.DELIVERED, State.VERIFIED, State.ACCEPTED}),
        (State.READY, {State.READY, State.UNAPPROVED, State.SENDING, State.DELIVERED,
                       State.VERIFIED, State.ACCEPTED}),
        (State.VERIFIED, {State.VERIFIED, State.ACCEPTED}),
    ],
)  # fmt: skip
def test_a_step_that_was_asked_for_is_a_success_when_it_is_done(
    goal: State, reached: set[State]
) -> None:
    taken_back = {State.CANCELLED, State.RECALLED}  # nothing is left to be asked for
    done = {state for state in State if codes(state, goal) == [Exit.DELIVERED]}
    assert done == reached | taken_back
    assert codes(State.READY, State.READY, missing_required=True) == [Exit.INCOMPLETE]


@given(
    st.builds(
        Facts,
        state=st.sampled_from(State),
        missing_required=st.booleans(),
        unexpected_gap=st.booleans(),
        due=st.sampled_from([None, EARLIER, LATER]),
        delivered_at=st.sampled_from([None, NOW]),
        back_at=st.sampled_from([None, EARLIER, LATER]),
        now=st.just(NOW),
    )
)
def test_the_codes_are_in_the_order_of_precedence_and_zero_stands_alone(facts: Facts) -> None:
    found = exit_codes(facts)
    order = precedence(missed=facts.missed)
    assert found == sorted(set(found), key=order.index)
    assert found[0] is worst(found, order)
    assert not facts.missed or found[0] is Exit.LATE
    assert Exit.DELIVERED not in found or found == [Exit.DELIVERED]


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("2026-12-01", datetime(2026, 12, 2, tzinfo=UTC)),
        ("2026-12-31", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-12-01T10:00:00Z", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("2026-12-01T10:00:00-08:00", datetime(2026, 12, 1, 18, tzinfo=UTC)),
        ("2026-12-01T00:30:00+01:00", datetime(2026, 11, 30, 23, 30, tzinfo=UTC)),
    ],
)
def test_due_at(moment: str, due: datetime) -> None:
    assert due_at(moment) == due


@pytest.mark.parametrize(
    ("needed_by", "meeting", "due", "over"),
    [
        ("2026-12-01", None, "2026-12-02T00:00:00", "2026-12-02T00:00:00"),
        # A day lasts until its end where the meeting is.
        (
            "2026-12-01", "2026-12-03T09:00:00-08:00",
            "2026-12-02T08:00:00", "2026-12-04T08:00:00",
        ),
        (
            "2026-12-01", "2026-12-03T09:00:00+13:00",
            "2026-12-01T11:00:00", "2026-12-03T11:00:00",
        ),
        (None, "2026-12-03T09:00:00+01:00", "2026-12-03T08:00:00", "2026-12-03T23:00:00"),
        ("2026-12-09T10:00:00Z", "2026-12-03T09:00:00Z", "2026-12-09T10:00:00",
         "2026-12-09T10:00:00"),
    ],
)  # fmt: skip
def test_days_are_those_of_the_meeting(
    needed_by: str | None, meeting: str | None, due: str, over: str
) -> None:
    asked = request(needed_by=needed_by, meeting=meeting and {"start": meeting})
    assert asked.due_at == datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert asked.over_at == datetime.fromisoformat(over).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("due", "now", "said"),
    [
        ("2026-12-01", "2026-12-02T08:30:00Z", "30 minutes"),
        ("2026-12-01", "2026-12-02T08:01:00Z", "1 minute"),
        ("2026-12-01", "2026-12-02T09:00:00Z", "1 hour"),
        ("2026-12-01", "2026-12-04T07:59:00Z", "47 hours"),
        ("2026-12-01", "2026-12-04T08:00:00Z", "3 days"),  # the 4th, where the meeting is
        ("2026-12-01", "2026-12-05T07:59:00Z", "3 days"),
        ("2026-12-01", "2026-12-05T08:00:00Z", "4 days"),
        ("2026-12-05", "2026-12-02T12:00:00Z", "3 days"),
    ],
)
def test_how_late_is_said_in_calendar_days_of_the_meeting(due: str, now: str, said: str) -> None:
    zone = zone_of("2026-12-03T09:00:00-08:00")
    assert span(due_at(due, zone), datetime.fromisoformat(now), zone) == said


def request(**changes: Any) -> Request:
    return Request.model_validate({**SMALLEST, **changes})


@pytest.mark.parametrize(
    "moment",
    [
        "2026-12-01",
        "2026-12-01T10:00:00Z",
        "2026-12-01T10:00:00+01:00",
        "2026-12-01T10:00:00.125-05:30",
        "2028-02-29",
    ],
)
def test_a_moment_is_kept_as_written(moment: str) -> None:
    assert request(needed_by=moment).due == moment


@pytest.mark.parametrize(
    "moment",
    [
        "Zanzibar-8812",
        "2026-12",
        "2026-13-01",
        "2026-02-29",
        "2026-12-01T10:00:00",  # no offset: whose ten o'clock?
        "2026-12-01T10:00Z",
        "2026-12-01 10:00:00Z",
        "2026-12-01T24:00:00Z",
        "2026-12-01T10:00:00+0100",
        "2026-12-01T10:00:00+01",
        "2026-12-01T10:00:00,5Z",
        "2026-12-01T10:00:00+01:00:30",
        "2026-W49-2",
        "20261201",
        "\uff12\uff10\uff12\uff16-12-01",
        "2026-12-01\n",
        "",
    ],
)
def test_what_is_no_moment_is_refused_without_repeating_it(moment: str) -> None:
    with pytest.raises(ValidationError) as caught:
        request(needed_by=moment)
    assert "expected a date, or date and time with seconds and offset" in str(caught.value)
    assert "Zanzibar" not in str(caught.value)


def test_the_meeting_counts_when_no_other_day_is_named() -> None:
    meeting = {"start": "2026-12-01T10:00:00Z"}
    assert request(needed_by=None, meeting=meeting).due == "2026-12-01T10:00:00Z"
    assert request(meeting=meeting).due == "2026-12-01"


@pytest.mark.parametrize(
    ("npi", "valid"),
    [
        ("1234567893", True),  # the example of the CMS check digit rule
        ("1245319599", True),
        ("1234567890", False),
        ("1234567839", False),
        ("3234567893", False),
        ("123456789", False),
        ("12345678931", False),
        ("1\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u0663", False),
        ("", False),
    ],
)
def test_npi(npi: str, valid: bool) -> None:
    performer = {"organization": {"name": "O", "npi": npi}}
    if valid:
        assert request(performer=performer).performer.organization is not None
    else:
        with pytest.raises(ValidationError, match="NPI"):
            request(performer=performer)


@pytest.mark.parametrize(
    "wrong",
    [
        {"patient": {}},
        {"patient": {"id": "1", "identifier": "s|v"}},
        {"patient": {"identifier": "no system"}},
        {"patient": {"identifier": "|v"}},
        {"patient": {"id": ""}},
        {"needed_by": None},
        {"meeting": {"start": "2026-12-01"}},
        {"meeting": {"start": "2026-12-01T10:00:00Z", "mode": "by-fax"}},
        {"request_id": "a b"},
        {"request_id": "../r"},
        {"request_id": "x" * 65},
        {"key_question": "cure"},
        {"also": ["cure"]},
        {"condition": "Condition"},
        {"include": ["https://ehr.example.org/fhir/Patient/1"]},
        {"destination_patient": {}},
        {"destination_patient": {"id": "1", "create": True}},
        {"destination_patient": {"create": False}},
        {"basis": {"kind": "patient-authorization"}},
        {"basis": {"document": "consent.pdf"}},
        {"scope": "everything"},
        {"unknown": "x"},
    ],
)
def test_a_wrong_request_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request(**wrong)


def test_all_but_the_smallest_has_a_default() -> None:
    smallest = request()
    assert (smallest.scope, smallest.case_type, smallest.basis.kind) == (
        "checklist",
        "general",
        "treatment",
    )
    for name in SMALLEST:
        with pytest.raises(ValidationError):
            Request.model_validate({k: v for k, v in SMALLEST.items() if k != name})


def test_a_model_never_repeats_what_it_was_given() -> None:
    class Example(Model):
        number: int

    with pytest.raises(ValidationError) as caught:
        Example.model_validate({"number": "Zanzibar-8812"})
    assert "Zanzibar" not in str(caught.value)


@pytest.mark.parametrize("state", [State.CANCELLED, State.RECALLED])
def test_a_case_taken_back_waits_for_nothing_and_sends_nothing(state: State) -> None:
    assert codes(state, missing_required=True, unexpected_gap=True, due=EARLIER) == [Exit.DELIVERED]
    assert all(may_follow(other, state) for other in State if other is not State.RECALLED)
    assert not any(may_follow(state, s) for s in (State.OPENED, State.READY, State.SENDING))
    assert not may_follow(State.RECALLED, State.CANCELLED)
