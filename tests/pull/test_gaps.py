"""Nothing is silent: what a source refuses, breaks or hides is told, again on every run."""

from pathlib import Path
from typing import Any

import pytest

from connector.errors import SourceFailed, Waiting
from connector.fhir.lossless import encode
from tests.pull.support import bearer, complete, condition, pull, read, small, source
from tests.sandbox_parts import Fault, Quirks

GOAL = {"resourceType": "Goal", "id": "g", "subject": {"reference": "Patient/pat"}}
THINGS = (condition("c"), GOAL)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("status", path="Goal", status=403), "refused"),
        (Fault("status", path="Goal", status=400), "refused"),
        (Fault("status", path="Goal", status=404), "refused"),
        (Fault("status", path="Goal", status=500), "failed"),
        (Fault("status", path="Goal", status=429), "failed"),
        (Fault("cut-body", path="Goal"), "failed"),
        (Fault("drop-before", path="Goal"), "failed"),
        (Fault("not-json", path="Goal"), "failed"),
        (Fault("login-page", path="Goal"), "failed"),
    ],
)
def test_a_query_that_breaks_is_a_gap_until_it_works(
    tmp_path: Path, fault: Fault, kind: str
) -> None:
    with small(*THINGS, faults=[fault]) as server:
        for _ in range(2):  # the second run says it again
            pulled = pull(tmp_path, source(server.base_url), id="pat")
            assert [(g.what, g.kind, g.expected) for g in pulled.gaps] == [("Goal", kind, False)]
            assert pulled.records.keys() == {"Patient/pat", "Condition/c"}
        server.clear_faults()
        server.requests.clear()
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        assert not [r for r in server.requests if "/Condition" in r.path]  # that one was had
    assert pulled.gaps == []
    assert "Goal/g" in pulled.records


def test_a_passing_fault_is_no_gap(tmp_path: Path) -> None:
    with small(*THINGS, faults=[Fault("status", path="Goal", status=503, times=1)]) as server:
        assert pull(tmp_path, source(server.base_url), id="pat").gaps == []


def test_records_of_pages_before_the_broken_one_stay(tmp_path: Path) -> None:
    broken = Fault("status", path=r"_getpages", status=500)
    with small(*(condition(f"c{n}") for n in range(30)), faults=[broken]) as server:
        pulled = pull(tmp_path, source(server.base_url, page_size=20), id="pat")
    assert pulled.gap("Condition").kind == "failed"
    assert len(pulled.records) == 21


def test_an_expected_gap_is_told_as_expected(tmp_path: Path) -> None:
    with small(*THINGS, faults=[Fault("status", path="Goal", status=403)]) as server:
        settings = source(server.base_url, expected_gaps=("Goal",))
        assert pull(tmp_path, settings, id="pat").gap("Goal").expected


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (r"/CarePlan\?", {"CarePlan": False}),
        (r"/(Goal|CarePlan)\?", {"CarePlan, Goal": False}),  # told as one
        (r"/Goal\?", {"Goal": True}),
    ],
)
def test_only_a_gap_that_is_listed_whole_is_expected(
    tmp_path: Path, broken: str, told: dict[str, bool]
) -> None:
    with small(*THINGS, faults=[Fault("status", path=broken, status=404)]) as server:
        settings = source(server.base_url, expected_gaps=("Goal", "Immunization"))
        found = pull(tmp_path, settings, id="pat").gaps
    assert {gap.what: gap.expected for gap in found} == told


def test_a_source_that_refuses_every_search_fails(tmp_path: Path) -> None:
    refused = Fault("status", path=r"\?", status=403)
    with small(*THINGS, faults=[refused]) as server, pytest.raises(SourceFailed):
        pull(tmp_path, source(server.base_url), id="pat")
    assert not complete(tmp_path)


def test_a_source_that_goes_away_fails_instead_of_forty_gaps(tmp_path: Path) -> None:
    gone = Fault("drop-before", skip=8)
    with small(*THINGS, faults=[gone]) as server:
        with pytest.raises(SourceFailed, match="went away"):
            pull(tmp_path, source(server.base_url), id="pat")
        assert not complete(tmp_path)
        server.clear_faults()
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.gaps == []
    assert {"Condition/c", "Goal/g"} <= pulled.records.keys()


def test_a_long_retry_after_parks_the_pull_and_keeps_what_was_had(tmp_path: Path) -> None:
    later = Fault("status", path="Goal", status=429, headers={"Retry-After": "3600"}, times=1)
    with small(*THINGS, faults=[later]) as server:
        settings = source(server.base_url, connections=1)
        with pytest.raises(Waiting):
            pull(tmp_path, settings, id="pat")
        assert not complete(tmp_path)
        had = read(tmp_path).records.keys()
        assert "Condition/c" in had
        server.requests.clear()
        pulled = pull(tmp_path, settings, id="pat")
        assert not [r for r in server.requests if "/Condition" in r.path]
    assert pulled.gaps == []
    assert "Goal/g" in pulled.records


def test_a_chart_with_gaps_is_not_complete_while_it_is_pulled_again(tmp_path: Path) -> None:
    with small(*THINGS, faults=[Fault("status", path="Goal", status=403)]) as server:
        pull(tmp_path, source(server.base_url), id="pat")
        assert complete(tmp_path)
        server.clear_faults()
        later = Fault("status", path="Goal", status=503, headers={"Retry-After": "3600"}, times=1)
        server.add_fault(later)
        with pytest.raises(Waiting):
            pull(tmp_path, source(server.base_url), id="pat")
        assert not complete(tmp_path)
        assert "Goal/g" in pull(tmp_path, source(server.base_url), id="pat").records


def test_a_problem_on_a_page_that_is_had_outlives_an_interruption(tmp_path: Path) -> None:
    first = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": SUBSETTED}]}
    with small(*THINGS) as server:
        first["link"] = [{"relation": "next", "url": f"{server.base_url}/Goal?patient=pat"}]
        server.add_fault(Fault("not-json", path="Goal.*_count", body=encode(first)))
        later = {"Retry-After": "3600"}
        server.add_fault(Fault("status", path="Goal", status=429, headers=later, times=1))
        with pytest.raises(Waiting):
            pull(tmp_path, source(server.base_url), id="pat")
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert "SUBSETTED" in pulled.gap("Goal").why
    assert "Goal/g" in pulled.records


def page_with(*entries: dict[str, Any]) -> Fault:
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": list(entries)}
    return Fault("not-json", path="Goal", body=encode(bundle))


def outcome(severity: str, code: str) -> dict[str, Any]:
    issue = [{"severity": severity, "code": code, "diagnostics": "about Mr. Canary"}]
    return {"resourceType": "OperationOutcome", "issue": issue}


SUBSETTED = {**GOAL, "meta": {"tag": [{"code": "SUBSETTED"}]}}
THEIRS = {**GOAL, "id": "x", "subject": {"reference": "Patient/other"}}


@pytest.mark.parametrize(
    ("entry", "kind", "why"),
    [
        ({"resource": outcome("error", "exception")}, "failed", "results are missing (exception)"),
        ({"resource": outcome("warning", "incomplete")}, "failed", "results are missing (incomp"),
        ({"resource": THEIRS}, "failed", "a record of another patient came back"),
        ({"resource": SUBSETTED}, "refused", "SUBSETTED"),
        ({"resource": {"resourceType": "Goal"}}, "failed", "could not be read"),
        ({"fullUrl": "urn:uuid:x"}, "failed", "could not be read"),
    ],
)
def test_a_page_that_holds_less_than_it_should(
    tmp_path: Path, entry: dict[str, Any], kind: str, why: str
) -> None:
    page = page_with({"resource": GOAL | {"id": "good"}}, entry)
    with small(*THINGS, faults=[page]) as server:
        for _ in range(2):
            pulled = pull(tmp_path, source(server.base_url), id="pat")
            gap = pulled.gap("Goal")
            assert gap.kind == kind
            assert why in gap.why
            assert "Canary" not in gap.why
            goals = {name for name in pulled.records if name.startswith("Goal")}
            # A stranger's record: then nothing of that answer is believed.
            assert goals == (set() if entry.get("resource") == THEIRS else {"Goal/good"})
        server.clear_faults()
        assert pull(tmp_path, source(server.base_url), id="pat").gaps == []


def test_hints_among_the_results_are_not_records_and_no_gap(tmp_path: Path) -> None:
    hint = {"resource": outcome("information", "informational")}
    with small(*THINGS, faults=[page_with({"resource": GOAL}, hint)]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.gaps == []
    assert pulled.records.keys() == {"Patient/pat", "Condition/c", "Goal/g"}


@pytest.mark.parametrize("broken", [b'"\xff\xfe"', b"1e99999999999999999999", b'"\\ud800"'])
def test_a_record_that_nobody_can_read_fails_alone(tmp_path: Path, broken: bytes) -> None:
    good = page_with({"resource": GOAL}, {"resource": {**GOAL, "id": "bad", "language": "QQ"}})
    assert good.body is not None
    bad = Fault("not-json", path="Goal", body=good.body.replace(b'"QQ"', broken))
    with small(*THINGS, faults=[bad]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert "could not be read" in pulled.gap("Goal").why
    assert {name for name in pulled.records if name.startswith("Goal")} == {"Goal/g"}


DEEP = [10_000, 900, 101]


@pytest.mark.parametrize("levels", DEEP)
def test_a_record_that_nobody_can_walk_fails_alone(tmp_path: Path, levels: int) -> None:
    deep = b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)
    good = page_with({"resource": GOAL}, {"resource": {**GOAL, "id": "bad", "language": "QQ"}})
    assert good.body is not None
    bad = Fault("not-json", path="Goal", body=good.body.replace(b'"QQ"', deep))
    with small(*THINGS, faults=[bad]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.gap("Goal").kind == "failed"
    assert {name for name in pulled.records if name.startswith("Goal")} == {"Goal/g"}


def test_brackets_in_text_and_many_of_them_side_by_side_are_not_deep(tmp_path: Path) -> None:
    notes = [{"text": '"[{' * 200}] * 200
    with small(condition("c", note=notes)) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.gaps == []
    assert pulled.records["Condition/c"]["note"] == notes


def test_a_record_that_is_too_large_fails_alone(tmp_path: Path) -> None:
    with small(condition("c"), condition("big", note=[{"text": "x" * 5_000}])) as server:
        pulled = pull(tmp_path, source(server.base_url, record_bytes_max=5_000), id="pat")
    gap = pulled.gap("Condition")
    assert (gap.kind, gap.why) == ("refused", "at least one record is larger than 5000 bytes")
    assert pulled.records.keys() == {"Patient/pat", "Condition/c"}


def test_everything_not_offered_says_what_to_do(tmp_path: Path) -> None:
    quirks = Quirks(everything=False)
    with small(*THINGS, quirks=quirks) as server, pytest.raises(SourceFailed) as failed:
        pull(tmp_path, source(server.base_url, pull="everything"), id="pat")
    assert "search" in failed.value.what_to_do


def test_everything_broken_off_is_a_gap_of_what_searches_do_not_bring(
    tmp_path: Path,
) -> None:
    broken = Fault("status", path=r"_getpages", status=500)
    with small(*(condition(f"c{n}") for n in range(30)), faults=[broken]) as server:
        settings = source(server.base_url, pull="everything", page_size=20)
        pulled = pull(tmp_path, settings, frozenset({"Condition", "Goal"}), id="pat")
    assert {(g.what, g.kind) for g in pulled.gaps} == {
        ("Condition", "failed"),
        ("Patient/$everything", "failed"),
    }


def test_everything_broken_off_is_a_gap_of_what_no_search_can_bring(tmp_path: Path) -> None:
    quirks = Quirks(types=frozenset({"Patient", "Condition"}))
    broken = Fault("status", path=r"_getpages", status=500)
    wanted = frozenset({"Condition", "Goal"})
    many = (condition(f"c{n}") for n in range(30))
    with small(*many, quirks=quirks, faults=[broken]) as server:
        settings = source(server.base_url, pull="everything", page_size=20)
        pulled = pull(tmp_path, settings, wanted, id="pat")
    assert ("Goal", "failed") in {(g.what, g.kind) for g in pulled.gaps}


def test_pages_that_end_in_themselves_or_in_a_circle(tmp_path: Path) -> None:
    with small(*THINGS, faults=[Fault("self-next", path="Goal")]) as server:
        pulled = pull(tmp_path / "self", source(server.base_url), id="pat")
        assert "circle" in pulled.gap("Goal").why
        assert "Goal/g" in pulled.records
        server.clear_faults()
        again = f"{server.base_url}/Goal?patient=pat&loop="
        for at, to in (("loop=1", "2"), ("loop=2", "3"), ("loop=3", "1"), ("_count", "1")):
            server.add_fault(Fault("foreign-next", path=rf"/Goal\?.*{at}", url=again + to))
        server.requests.clear()
        pulled = pull(tmp_path / "three", source(server.base_url), id="pat")
        assert "circle" in pulled.gap("Goal").why
        assert len([r for r in server.requests if "/Goal" in r.path]) == 4


def test_another_servers_page_is_refused_and_gets_no_token(tmp_path: Path) -> None:
    with small() as stranger, small(*THINGS, bearer_token="secret") as server:
        away = f"{stranger.base_url}/Goal?patient=pat"
        server.add_fault(Fault("foreign-next", path="/Goal", url=away))
        settings = source(server.base_url, auth=bearer(tmp_path / "token", "secret"))
        pulled = pull(tmp_path / "case", settings, id="pat")
        assert stranger.requests == []
    assert pulled.gap("Goal").kind == "refused"
    assert "Goal/g" in pulled.records


def test_there_is_an_end_to_pages(tmp_path: Path) -> None:
    quirks = Quirks(everything=False)
    with small(*(condition(f"c{n}") for n in range(50)), quirks=quirks) as server:
        settings = source(server.base_url, page_size=10, pages_max=3)
        pulled = pull(tmp_path, settings, id="pat")
        asked = [r for r in server.requests if "_getpages" in r.query]
    assert "pages_max" in pulled.gap("Condition").why
    assert len(asked) == 2
    assert len(pulled.records) == 31
