"""Whose words a goal has."""

from typing import Any

import pytest

from connector.packet.chart.elements import in_own_words


def goal(text: str = "", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Goal", "description": {"text": text}, **more}


def said_by(reference: str) -> dict[str, Any]:
    return {"expressedBy": {"reference": reference}}


@pytest.mark.parametrize(
    ("resource", "own"),
    [
        (goal("I want to dance at my daughter's wedding"), True),
        (goal("Be free of pain"), True),
        (goal("A1c < 7"), False),
        (goal("A1c ≤ 7", **said_by("Patient/p")), True),  # the record itself says who says it
        (goal("Be free of pain", **said_by("RelatedPerson/r")), True),
        (goal("Be free of pain", **said_by("Practitioner/d")), False),
        (goal("Lose weight", addresses=[{"reference": "Condition/c"}]), False),
        (goal("Lose weight", target=[{"dueDate": "2026-12-01"}]), False),
        (goal("Walk 3 miles"), False),
        (goal("Blood pressure at goal", description={"coding": [{"code": "1"}]}), False),
        ({"resourceType": "CarePlan", "description": "Be free of pain"}, False),
    ],
)
def test_a_goal_is_the_patients_where_they_say_it(resource: dict[str, Any], own: bool) -> None:
    assert in_own_words(resource) is own
