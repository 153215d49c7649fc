"""An OperationOutcome is told by R4's own codes, whatever its shape."""

from typing import Any

import pytest
from hypothesis import given

from connector.fhir.lossless import decode, encode
from connector.fhir.outcome import Issue, codes, issues

from .texts import values

OUTCOME = "OperationOutcome"


def outcome(*listed: Any) -> dict[str, Any]:
    return {"resourceType": OUTCOME, "issue": list(listed)}


@pytest.mark.parametrize(
    ("issue", "left_out"),
    [
        ({"severity": "warning", "code": "processing"}, False),
        ({"severity": "information", "code": "informational"}, False),
        ({"severity": "information", "code": "suppressed"}, True),
        ({"severity": "warning", "code": "incomplete"}, True),
        ({"severity": "error", "code": "processing"}, True),
        ({"code": "processing"}, True),
        ({"severity": ["warning"], "code": ["processing"]}, True),
        ("nothing", True),
        (None, True),
    ],
)
def test_what_says_that_something_is_missing(issue: Any, left_out: bool) -> None:
    [found] = issues(outcome(issue)) or []
    assert found.left_out is left_out


def test_a_code_that_is_none_is_not_repeated() -> None:
    said = ("not-found", "Mills, Charlene", "john-doe", "\x1b[2J", "not-found\n", "not-found", 7)
    found = issues(outcome(*({"severity": "error", "code": code} for code in said))) or []
    assert codes(found) == "not-found"
    assert codes([Issue(True, "")]) == ""


@given(values())
def test_any_value_is_read(text: str) -> None:
    value = decode(text.encode())
    for outcome_ in (value, outcome(value), {"resourceType": OUTCOME, "issue": value}):
        found = issues(decode(encode(outcome_)))
        assert found is None or all(isinstance(one, Issue) for one in found)
