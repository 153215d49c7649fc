"""A medication record is of the kinds of its drug, wherever that is named."""

from dataclasses import replace
from typing import Any

import pytest

from connector.packet.chart.index import Row, read_rows
from connector.packet.chart.medications import name_drugs
from connector.packet.record.links import Links
from connector.packet.ruleset.kinds import Kind
from connector.store.case.casefile import CaseFile
from tests.packet.charts import MAPPINGS, SOURCE, put

ATC = "http://www.whocc.no/atc"
THINNER = Kind.model_validate(
    {
        "id": "thinner",
        "title": "Thinner",
        "types": ["MedicationRequest"],
        "code": [f"{ATC}|B01A*"],
        "words": {"en": ["warfarin"]},
        "unless": ["allergy"],
    }
)
MINE = replace(MAPPINGS, kinds={"thinner": THINNER})
CODED = {"coding": [{"system": ATC, "code": "B01AA03"}]}


def kinds_of(case: CaseFile, drug: dict[str, Any] | None, **order: Any) -> dict[str, str]:
    request = {"resourceType": "MedicationRequest", "id": "m", "status": "active", **order}
    put(case, request)
    if drug is not None:
        put(case, {"resourceType": "Medication", "id": "d", **drug})
    rows = {
        row.key: row
        for row in read_rows(case, Links(case, SOURCE.base_url), MINE)
        if isinstance(row, Row)
    }
    name_drugs(rows, MINE)
    return dict(rows["MedicationRequest/m"].kinds)


REFERRED = {"medicationReference": {"reference": "Medication/d"}}
INSIDE = {"medicationReference": {"reference": "#d"}}


@pytest.mark.parametrize(
    ("drug", "order", "kinds"),
    [
        ({"code": CODED}, REFERRED, {"thinner": "code"}),
        ({"code": {"text": "Warfarin 5 mg"}}, REFERRED, {"thinner": "words"}),
        ({"code": {"text": "Aspirin"}}, REFERRED, {}),
        ({"code": CODED}, {}, {}),  # a drug of the chart that the order does not name
        (None, REFERRED, {}),  # a drug that the source does not have
        (None, {"medicationCodeableConcept": CODED}, {"thinner": "code"}),
        (None, {"medicationCodeableConcept": {"text": "WARFARIN"}}, {"thinner": "words"}),
        (
            None,
            {**INSIDE, "contained": [{"resourceType": "Medication", "id": "d", "code": CODED}]},
            {"thinner": "code"},
        ),
        (
            None,
            {
                **INSIDE,
                "contained": [
                    {"resourceType": "Medication", "id": "d", "code": {"text": "Warfarin"}}
                ],
            },
            {"thinner": "words"},
        ),
        (  # known by its own words and by the code of its drug: by the better of the two
            {"code": CODED},
            {**REFERRED, "category": [{"text": "Warfarin"}]},
            {"thinner": "code"},
        ),
    ],
)
def test_a_drug_is_named_by_the_record_by_another_or_inside(
    case: CaseFile, drug: dict[str, Any] | None, order: dict[str, Any], kinds: dict[str, str]
) -> None:
    assert kinds_of(case, drug, **order) == kinds
