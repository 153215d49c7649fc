"""What is about the condition in question: it says so, or is of an encounter it was met in."""

from typing import Any, Literal

import pytest

from connector.packet.chart.about_condition import AboutCondition
from connector.packet.chart.index import Row, read_rows
from connector.packet.record.links import Links
from connector.store.case.casefile import CaseFile
from tests.packet.charts import MAPPINGS, SOURCE, put

SUBJECT = {"reference": "Patient/p"}


def at(encounter: str) -> dict[str, Any]:
    return {"encounter": {"reference": f"Encounter/{encounter}"}}


def procedure(id: str, *why: str, **more: Any) -> dict[str, Any]:
    reasons = [{"reference": f"Condition/{each}"} for each in why]
    return {
        "resourceType": "Procedure", "id": id, "subject": SUBJECT, "reasonReference": reasons,
        **more,
    }  # fmt: skip


def rows_of(case: CaseFile) -> dict[str, Row]:
    found = read_rows(case, Links(case, SOURCE.base_url), MAPPINGS)
    return {row.key: row for row in found if isinstance(row, Row)}


@pytest.fixture
def rows(case: CaseFile) -> dict[str, Row]:
    put(
        case,
        {"resourceType": "Condition", "id": "knee", "subject": SUBJECT, **at("visit")},
        {"resourceType": "Condition", "id": "heart", "subject": SUBJECT, **at("visit")},
        {"resourceType": "Encounter", "id": "visit"},
        {"resourceType": "Encounter", "id": "elsewhere"},
        procedure("says-so", "knee"),
        procedure("both", "heart", "knee"),
        procedure("met-there", **at("visit")),
        procedure("other-met-there", "heart", **at("visit")),
        procedure("other", "heart", **at("elsewhere")),
        procedure("silent"),
        procedure("unknown-one", "gone"),
    )
    return rows_of(case)


@pytest.mark.parametrize(
    ("about", "condition", "fitting"),
    [
        ("condition", "knee", {"says-so", "both", "met-there", "other-met-there"}),
        (
            "no-other",
            "knee",
            {"says-so", "both", "met-there", "other-met-there", "silent", "unknown-one"},
        ),
        ("condition", "heart", {"both", "met-there", "other-met-there", "other"}),
        ("condition", None, set()),
        (
            "no-other",  # nothing is another one where none is named
            None,
            {
                "says-so", "both", "met-there", "other-met-there", "other", "silent", "unknown-one",
            },
        ),
    ],
)  # fmt: skip
def test_what_a_rule_about_the_condition_means(
    rows: dict[str, Row],
    about: Literal["condition", "no-other"],
    condition: str | None,
    fitting: set[str],
) -> None:
    named = AboutCondition.of(condition and f"Condition/{condition}", rows)
    procedures = [row for row in rows.values() if row.type == "Procedure"]
    assert {row.id for row in procedures if named.fits(row, about)} == fitting
    assert all(named.fits(row, None) for row in procedures)


def test_another_condition_of_the_same_encounter_is_another_one(rows: dict[str, Row]) -> None:
    named = AboutCondition.of("Condition/knee", rows)
    assert named.includes(rows["Condition/knee"])
    assert not named.includes(rows["Condition/heart"])


def test_a_condition_that_is_not_in_the_chart_names_none(rows: dict[str, Row]) -> None:
    assert AboutCondition.of("Condition/gone", rows) == AboutCondition()
    assert not AboutCondition().includes(rows["Procedure/silent"])
