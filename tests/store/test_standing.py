"""How a case stands is read from its rows: every run says the same of the same rows."""

from datetime import UTC, datetime

import pytest

from connector.case import State
from connector.fhir.lossless import sha256
from connector.gap import Gap, GapKind, ItemKind, read
from connector.store.case import gaps
from connector.store.case.casefile import CaseFile
from connector.store.case.values import Obstacle
from connector.store.mapped import packet
from connector.store.mapped.packet import Decision, Item
from connector.store.pulled import chart
from connector.store.pulled.chart import Record
from connector.store.sent import delivery
from connector.store.status.standing import standing

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PRESENT = Item("allergies", "required", ItemKind.PRESENT, "", "", "AllergyIntolerance/1", True)


def verified(case: CaseFile, *items: Item) -> None:
    """A case that went all the way: two records pulled, one of them selected and sent."""
    with case.commit():
        for id_ in ("1", "2"):
            chart.put_record(case, Record("Observation", id_, "1", sha256(b"{}"), b"{}"), "q")
    packet.replace_packet(
        case,
        [
            Decision("Observation", "1", "selected", "r", "why"),
            Decision("Observation", "2", "not-selected", "r", "why"),
        ],
        items,
        [
            ("Observation", "a", "carried", "Observation/1", b"{}"),
            ("ServiceRequest", "b", "authored", "ServiceRequest", b"{}"),
            ("Task", "c", "authored", "Task", b"{}"),
        ],
    )
    sent = [("Observation", "a"), ("ServiceRequest", "b"), ("Task", "c")]
    delivery.adopt(case, "Patient", "p", "9")
    delivery.intend(case, 1, sent)
    delivery.settle(case, [(*key, f"1{key[1]}", "1") for key in sent])
    delivery.read_back(case, [(*key, "verified", "h", "h", "1", "") for key in sent])
    case.state.status = State.VERIFIED
    case.state.needed_by = "2026-12-01"
    case.state.announced_at = "2026-11-22T12:00:00Z"


def test_a_case_that_is_done(case: CaseFile) -> None:
    verified(case, PRESENT)
    stands = standing(case, NOW).as_json()
    assert (stands["state"], stands["exit_code"], stands["reasons"]) == ("verified", 0, [])
    assert stands["counts"] == {
        "pulled": 2, "selected": 1, "not_selected": 1, "withheld": 0, "entered_in_error": 0,
        "merged": 0, "sent": 3, "verified": 3, "accepted": 0, "theirs": 0,
    }  # fmt: skip
    assert (stands["service_request"], stands["task"], stands["patient"]) == (
        "ServiceRequest/1b",
        "Task/1c",
        "Patient/9",
    )
    assert (stands["missing"], stands["gaps"]) == ([], [])


@pytest.mark.parametrize(
    ("item", "code", "told"),
    [
        (Item("plan", "required", ItemKind.SEARCHED_NONE, "none there", "ask", "", False), 3, True),
        (Item("plan", "required", ItemKind.PRELIMINARY, "not final", "ask", "X/1", False), 3, True),
        (
            Item("plan", "recommended", ItemKind.SEARCHED_NONE, "none there", "ask", "", False),
            0,
            True,
        ),
        (
            Item("plan", "optional", ItemKind.SEARCHED_NONE, "none there", "ask", "", False),
            0,
            False,
        ),
    ],
)
def test_what_is_missing_is_said_again_and_again(
    case: CaseFile, item: Item, code: int, told: bool
) -> None:
    verified(case, PRESENT, item)
    for _ in range(2):
        stands = standing(case, NOW).as_json()
        assert stands["exit_code"] == code
        assert [missing["item"] for missing in stands["missing"]] == (["plan"] if told else [])
        assert bool(stands["reasons"]) == (code == 3)


@pytest.mark.parametrize(
    ("kind", "expected", "code"),
    [
        ("refused", False, 3),
        ("failed", False, 3),
        ("rejected", False, 3),
        ("refused", True, 0),  # listed by an operator
        ("unsupported", False, 0),
        ("searched-none", False, 0),
        ("not-asked", False, 0),
    ],
)
def test_which_gaps_count(case: CaseFile, kind: str, expected: bool, code: int) -> None:
    verified(case, PRESENT)
    gaps.add(case, Gap(read("Procedure"), GapKind(kind), ("why",), expected=expected))
    stands = standing(case, NOW).as_json()
    assert stands["exit_code"] == code
    assert stands["gaps"] == [
        {"what": "Procedure", "kind": kind, "why": "why", "expected": expected}
    ]


def test_a_case_that_came_too_late_stays_late(case: CaseFile) -> None:
    verified(case, PRESENT)
    case.state.needed_by = "2026-11-01"
    assert standing(case, NOW).as_json()["exit_code"] == 11


def test_what_stopped_a_case_is_told_with_what_to_do(case: CaseFile) -> None:
    obstacle = Obstacle(exit_code=5, code="two-patients", why="two", what_to_do="choose")
    case.state.status = State.HELD
    case.state.obstacle = obstacle
    stands = standing(case, NOW).as_json()
    assert (stands["exit_code"], stands["reasons"]) == (5, [obstacle])


def test_what_arrived_with_other_precision_has_arrived(case: CaseFile) -> None:
    verified(case, PRESENT)
    delivery.read_back(
        case,
        [
            ("Observation", "a", "precision-changed", "h", "k", "1", ""),
            ("Task", "c", "differs", "h", "k", "1", ""),
        ],
    )
    counts = standing(case, NOW).counts
    assert (counts["sent"], counts["verified"]) == (3, 2)
