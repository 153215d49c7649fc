"""When two Patient resources are taken for one person: the tables of docs/identity.md."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from connector.push.patient.demographics import different_person, out_of_use
from tests.docs.pages import blocks, page

Resource = dict[str, Any]
ON = "2026-11-27"
_CELL = re.compile(r"(?<=\|)((?:`[^`]*`|[^|`])*)\|")


class Row(NamedTuple):
    situation: str
    here: Resource
    there: Resource
    differing: list[str]


def table() -> Iterator[Row]:
    [both] = (json.loads(b.text) for b in blocks("identity.md", "json") if b.mark == "both")
    sections = page("identity.md").split("| situation | here | there | differs in |\n")[1:]
    for section in sections:
        for line in section.partition("\n\n")[0].splitlines()[1:]:
            situation, here, there, differs = (cell.strip() for cell in _CELL.findall(line))
            told = [] if differs == "nothing" else re.split(r", (?![^(]*\))", differs)
            yield Row(situation, changed(both, here), changed(both, there), told)


def changed(both: Resource, cell: str) -> Resource:
    changes = json.loads(cell.strip("`")) if cell else {}
    return {name: value for name, value in (both | changes).items() if value is not None}


@pytest.mark.parametrize("row", list(table()), ids=lambda row: row.situation)
def test_a_row_of_the_table(row: Row) -> None:
    person = different_person(row.here, row.there, ON)
    assert person + out_of_use(row.here, row.there, production=True) == row.differing


def test_the_table_is_read_to_its_end() -> None:
    rows = list(table())
    assert len({row.situation for row in rows}) == len(rows) == 78
    assert rows[-1].situation.startswith("test data")


def test_test_data_is_at_home_in_a_test_environment() -> None:
    *_, labelled = table()
    assert out_of_use(labelled.here, labelled.there, production=False) == []


def test_who_differs_there_differs_here() -> None:
    """Names, birth date and gender are compared the same way round and back."""
    for row in table():
        there_and_back = different_person(row.there, row.here, ON)
        assert different_person(row.here, row.there, ON) == there_and_back


@pytest.mark.parametrize("garbage", [{}, {"name": "x", "link": 3, "meta": [], "birthDate": 1970}])
def test_what_is_no_patient_is_nobody(garbage: Resource) -> None:
    everything = ["family", "given", "birth date", "gender"]
    assert different_person(next(table()).here, garbage) == everything
    assert out_of_use(next(table()).here, garbage, production=True) == []
