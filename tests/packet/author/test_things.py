"""One row per thing: what is the same stands once, and nothing that differs is lost."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connector.packet.author.composition import line
from connector.packet.author.row_status import row_status
from connector.packet.author.things import Thing, things
from connector.packet.chart.index import Row
from connector.packet.record.dates import interval
from connector.packet.record.narrative import SECTION_MAX, Line, narrative
from tests.packet.author.test_composition import BLANK


def row(key: str, day: str, **said: Any) -> Row:
    return Row(
        key=key, type=key.partition("/")[0], id=key.partition("/")[2],
        **{**BLANK, "title": "t", "status": "final", "written": day, "when": interval(day), **said},
    )  # fmt: skip


def made(*rows: Row, about: tuple[str, ...] = (), first: tuple[str, ...] = ()) -> list[Thing]:
    status = {each.key: each.status for each in rows}
    return things(rows, status, lambda r: r.title, lambda r: r.key in about, first)


def test_a_series_is_one_row_with_its_last_value_and_those_before() -> None:
    (thing,) = made(
        row("Observation/a", "2026-01-01", finding="18"),
        row("Observation/b", "2026-03-01", finding="35"),
        row("Observation/c", "2026-02-01", finding="18"),
    )
    assert (thing.finding, thing.dates) == ("35", "2026-01-01 to 2026-03-01, 3 times")
    assert thing.earlier == (("2026-02-01", "18"),)
    assert line(thing).finding == "35. Earlier: 18 (2026-02-01)"


def test_reports_with_their_own_words_stand_for_themselves() -> None:
    found = made(
        row("DiagnosticReport/a", "2026-01-01", finding="No tear."),
        row("DiagnosticReport/b", "2026-01-01", finding="A tear."),
        row("DocumentReference/a", "2026-01-01"),
        row("DocumentReference/b", "2026-01-01"),
    )
    assert len(found) == 4


def test_what_goes_on_side_by_side_is_not_said_to_be_earlier() -> None:
    found = made(
        row("Condition/left", "2020-01-01", title="Arthrosis", site="left knee", status="active"),
        row("Condition/right", "2024-01-01", title="Arthrosis", site="right knee", status="active"),
        row("MedicationRequest/a", "2026-01-01", finding="5 mg, mornings", status="active"),
        row("MedicationRequest/b", "2026-02-01", finding="10 mg, at night", status="active"),
        row("MedicationRequest/c", "2026-03-01", finding="10 mg, at night", status="active"),
        row("Device/l", "2019-01-01", title="Hip", finding="serial 1", status="active"),
        row("Device/r", "2021-01-01", title="Hip", finding="serial 2", status="active"),
    )
    assert len(found) == 6
    assert not any(thing.earlier for thing in found)


def test_what_is_perhaps_replaced_is_not_said_to_be() -> None:
    reports = [
        row("DiagnosticReport/left", "2026-01-01", title="MR Knee"),
        row("DiagnosticReport/right", "2026-01-01", title="MR Knee", status="amended"),
    ]
    said = row_status([*reports, row("DocumentReference/new", "2026-01-01",
                                     replaces=("DocumentReference/old",)),
                       row("DocumentReference/old", "2025-01-01")])  # fmt: skip
    assert said["DiagnosticReport/left"] == "final, perhaps superseded"
    assert said["DiagnosticReport/right"] == "amended"
    assert said["DocumentReference/old"] == "final, superseded"


def test_active_comes_first_then_what_is_about_the_condition_then_as_asked() -> None:
    found = made(
        row("Condition/old", "2026-05-01", title="a", status="resolved"),
        row("Condition/about", "2020-05-01", title="b", status="resolved"),
        row("Condition/now", "2010-05-01", title="c", status="active"),
        row("Condition/refuted", "2026-05-01", title="d", status="active",
            verification=frozenset({"refuted"})),
        row("Condition/hinge", "2000-05-01", title="e", status="resolved"),
        about=("Condition/about",), first=("Condition/hinge",),
    )  # fmt: skip
    assert [thing.title for thing in found] == ["e", "c", "b", "a", "d"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Observation", "Procedure", "DiagnosticReport", "Condition"]),
            st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from(["final", "active"]),
            st.sampled_from(["2020-01-01", "2021-01-01", "2022-01-01"]),
        ),
        max_size=30,
    )
)  # fmt: skip
def test_whatever_is_distinct_stands_there(said: list[tuple[str, str, str, str, str]]) -> None:
    rows = [
        row(f"{kind}/{n}", day, title=title, finding=finding, status=status)
        for n, (kind, title, finding, status, day) in enumerate(said)
    ]
    found = made(*rows)
    assert sorted(key for thing in found for key in thing.keys) == sorted(r.key for r in rows)
    for each in rows:
        (thing,) = (thing for thing in found if each.key in thing.keys)
        assert (thing.type, thing.title, thing.status) == (each.type, each.title, each.status)
        assert each.finding in (thing.finding, *(told for _, told in thing.earlier))
        assert thing.first <= each.written <= thing.last


def test_a_section_with_very_much_text_has_a_row_for_everything() -> None:
    text = "x" * (SECTION_MAX // 2)
    div = narrative([], [Line("", f"r{n}", text, "") for n in range(4)], [])
    assert all(f"<td>r{n}</td>" in div for n in range(4))
    assert div.count("(the text is in its entry)") == 2


def test_where_a_destination_takes_little_the_first_rows_stand_and_the_rest_is_told() -> None:
    lines = [Line("2026-01-01", f"record {number}", "x", "final") for number in range(100)]
    whole, part = narrative([], lines, []), narrative([], lines, [], 2_000)
    assert len(part) < 3_000 < len(whole)
    shown = part.count("record ")
    assert f"And {100 - shown} more, among the entries" in part
    assert "more, among" not in whole
