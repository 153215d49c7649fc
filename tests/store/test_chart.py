"""The chart: pages that come again, records that changed, what is asked once more."""

from collections.abc import Iterator

import pytest

from connector.fhir.lossless import sha256
from connector.gap import Gap, GapKind, read
from connector.store.case import gaps
from connector.store.case.casefile import CaseFile
from connector.store.pulled import chart, earlier, query_plan
from connector.store.pulled.chart import Record
from connector.store.pulled.query_plan import Query

URL = "https://ehr.example.org/fhir/Observation?patient=1"


def record(id_: str, body: bytes = b"{}", version: str = "1") -> Record:
    return Record("Observation", id_, version, sha256(body), body)


@pytest.fixture
def planned(case: CaseFile) -> CaseFile:
    query_plan.add_queries(
        case, [Query("Observation", URL, "vitals"), Query("Condition", "c", "why")]
    )
    return case


def test_the_plan_keeps_its_order_and_what_was_done(planned: CaseFile) -> None:
    query_plan.commit_page(planned, "Observation", URL, [], 0, None)
    query_plan.add_queries(planned, [Query("Observation", "another", "x"), Query("A", "a", "x")])
    assert [(q.key, q.url, q.status) for q in query_plan.queries(planned)] == [
        ("Observation", URL, "done"),
        ("Condition", "c", "open"),
        ("A", "a", "open"),
    ]
    assert [query.key for query in query_plan.queries(planned, "open")] == ["Condition", "A"]


def test_a_page_is_kept_with_the_place_to_go_on_from(planned: CaseFile) -> None:
    assert (
        query_plan.commit_page(planned, "Observation", URL, [record("1"), record("2")], 2, "p2")
        == 2
    )
    (query,) = (q for q in query_plan.queries(planned) if q.key == "Observation")
    assert (query.status, query.next_url, query.pages, query.matches) == ("open", "p2", 1, 2)
    assert query_plan.commit_page(planned, "Observation", "p2", [record("3")], 1, None) == 1
    (query,) = (q for q in query_plan.queries(planned) if q.key == "Observation")
    assert (query.status, query.next_url, query.pages, query.matches) == ("done", None, 2, 3)
    assert [r.id for r in chart.records(planned)] == ["1", "2", "3"]


def test_a_page_that_breaks_leaves_nothing(planned: CaseFile) -> None:
    def breaking() -> Iterator[Record]:
        yield record("1")
        raise KeyError

    with pytest.raises(KeyError):
        query_plan.commit_page(planned, "Observation", URL, breaking(), 1, "p2")
    assert chart.count_records(planned) == 0
    assert not query_plan.page_seen(planned, "Observation", URL)
    assert query_plan.queries(planned)[0].pages == 0


def test_a_record_that_comes_twice_is_one(planned: CaseFile) -> None:
    query_plan.commit_page(planned, "Observation", URL, [record("1")], 1, "p2")
    assert (
        query_plan.commit_page(planned, "Observation", "p2", [record("1"), record("2")], 2, None)
        == 1
    )
    assert chart.count_records(planned) == 2


def test_of_a_record_that_changed_the_later_counts(planned: CaseFile) -> None:
    query_plan.commit_page(planned, "Observation", URL, [record("1")], 1, "p2")
    with planned.commit():
        planned.execute("UPDATE record SET closed = 1")
    later = record("1", b'{"x":1.50}', "2")
    assert query_plan.commit_page(planned, "Observation", "p2", [later], 1, None) == 1
    assert chart.record(planned, "Observation", "1") == later
    assert planned.row("SELECT closed FROM record") == (0,)  # its references are looked at again


def test_bodies_come_back_byte_for_byte(planned: CaseFile) -> None:
    body = b'{ "x" : 1.50,\n"y":"\\u00e9\xc3\xa9" }'
    query_plan.commit_page(planned, "Observation", URL, [record("1", body)], 1, None)
    assert next(chart.records(planned)).body == body


def test_a_page_is_recognised_per_query(planned: CaseFile) -> None:
    query_plan.commit_page(planned, "Observation", URL, [], 0, "p2")
    assert query_plan.page_seen(planned, "Observation", URL)
    assert not query_plan.page_seen(planned, "Observation", "p2")
    assert not query_plan.page_seen(planned, "Condition", URL)


def test_what_failed_is_asked_again_from_the_beginning(planned: CaseFile) -> None:
    query_plan.commit_page(planned, "Observation", URL, [record("1")], 1, "p2")
    query_plan.fail_query(planned, "Observation")
    query_plan.commit_page(planned, "Condition", "c", [record("2")], 1, None)
    gaps.add(planned, Gap(read("Observation"), GapKind("failed"), ("HTTP 500",)))
    with planned.commit():
        for reference, status in (("A/1", "gap"), ("A/2", "had")):
            planned.execute("INSERT INTO target VALUES (?, 'A', '1', ?)", (reference, status))
            planned.execute(
                "INSERT INTO attachment (url, type, id, status) VALUES (?, 'A', '1', ?)",
                (reference, status),
            )
    query_plan.reopen_failed(planned)
    observation, condition = query_plan.queries(planned)
    assert observation == Query("Observation", URL, "vitals")
    assert condition.status == "done"
    assert not query_plan.page_seen(planned, "Observation", URL)
    assert query_plan.page_seen(planned, "Condition", "c")
    assert gaps.of(planned) == []
    assert chart.count_records(planned) == 2
    for table in ("target", "attachment"):
        rows = planned.rows(f"SELECT status FROM {table} ORDER BY rowid")
        assert rows == [("open",), ("had",)]


def test_another_pull_keeps_the_records_and_forgets_the_plan(planned: CaseFile) -> None:
    query_plan.commit_page(planned, "Observation", URL, [record("1")], 1, None)
    gaps.add(planned, Gap(read("Device"), GapKind("failed"), ("x",)))
    earlier.begin_again(planned, "2026-11-22T10:00:00Z")
    assert query_plan.queries(planned) == []
    assert gaps.of(planned) == []
    assert not query_plan.page_seen(planned, "Observation", URL)
    assert chart.has_record(planned, "Observation", "1")
    earlier.keep_only(planned, [])
    assert chart.count_records(planned) == 0
    earlier.compare_with_earlier(planned)
    assert earlier.changes(planned) == [("Observation", "disappeared", 1)]
