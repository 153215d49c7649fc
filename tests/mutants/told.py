"""Never lose anything, never silently."""

from .mutant import Mutant

_QUERIES = "connector/pull/search/queries.py"
_SYNC = "connector/work/sync.py"

TOLD = (
    Mutant(
        "told: a page is stored without the place to go on from",
        "connector/store/pulled/query_plan.py",
        "with case.commit():\n        new = sum(",
        "if True:\n        new = sum(",
        "tests/store/test_chart.py::test_a_page_that_breaks_leaves_nothing",
    ),
    Mutant(
        "told: a query ends with its first page",
        "connector/store/pulled/query_plan.py",
        '"open" if next_url else "done"',
        '"done"',
        "tests/store/test_chart.py::test_a_page_is_kept_with_the_place_to_go_on_from",
    ),
    Mutant(
        "told: a query that failed is no gap",
        _QUERIES,
        "_gap_of_broken_off(pull, query, Problem(kind_of(error), why))",
        "pass",
        "tests/pull/test_gaps.py::test_a_query_that_breaks_is_a_gap_until_it_works",
    ),
    Mutant(
        "told: a next page that is not asked for is no gap",
        _QUERIES,
        "if broken:\n            _gap_of_broken_off(pull, query, broken)",
        "if False:\n            pass",
        "tests/pull/test_gaps.py::test_there_is_an_end_to_pages",
    ),
    Mutant(
        "told: $everything broken off is no gap of the types that are wanted",
        _QUERIES,
        "for name in sorted(pull.wanted_types):",
        "for name in ():",
        "tests/pull/test_gaps.py::test_everything_broken_off_is_a_gap_of_what_no_search_can_bring",
    ),
    Mutant(
        "told: fewer records than the server counts are all of them",
        "connector/pull/search/totals.py",
        "if total is None or total <= found.entries:",
        "if True:",
        "tests/pull/search/test_totals.py::test_a_page_cut_to_whole_json_is_a_gap_until_it_comes_whole",
    ),
    Mutant(
        "told: a refusal is filled by $everything",
        "connector/pull/search/everything.py",
        "_filled(pull, query.key, how, (GapKind.FAILED,))",
        "_filled(pull, query.key, how)",
        "tests/pull/test_servers.py"
        "::test_a_refused_search_stays_a_gap_though_everything_brought_records",
    ),
    Mutant(
        "told: any gap is expected once expected_gaps is set",
        "connector/pull/gaps.py",
        "known = all(str(each) in expected or each.type in expected for each in wanted)",
        "known = bool(expected)",
        "tests/pull/test_gaps.py::test_only_a_gap_that_is_listed_whole_is_expected",
    ),
    Mutant(
        "told: a gap of several types is expected if one of them is",
        "connector/pull/gaps.py",
        "known = all(",
        "known = any(",
        "tests/pull/test_gaps.py::test_only_a_gap_that_is_listed_whole_is_expected",
    ),
    Mutant(
        "told: what was refused or broke is none known",
        "connector/packet/checklist/assess.py",
        "for kind in MENDABLE:\n        if broken",
        "for kind in ():\n        if broken",
        "tests/packet/checklist/test_assess.py::test_a_gap_says_why_nothing_was_found",
    ),
    Mutant(
        "told: a gap leaves the exit code as it was",
        "connector/case.py",
        "if facts.missing_required or facts.unexpected_gap:",
        "if facts.missing_required:",
        "tests/test_case.py::test_all_that_applies_worst_first",
    ),
    Mutant(
        "told: a required item that is missing leaves the exit code as it was",
        "connector/store/status/standing.py",
        "missing_required=any(item.missing for item in packet.items(case)),",
        "missing_required=False,",
        "tests/store/test_standing.py::test_what_is_missing_is_said_again_and_again",
    ),
    Mutant(
        "told: late with nothing delivered comes after what stands in the way",
        "connector/case.py",
        "order = precedence(missed=facts.missed)",
        "order = precedence(missed=False)",
        "tests/test_case.py::test_all_that_applies_worst_first",
    ),
    Mutant(
        "told: sync tells who is late after who is held",
        _SYNC,
        "return worst(self.codes, precedence(missed=self.missed, many=True))",
        "return worst(self.codes, precedence(many=True))",
        "tests/cli/test_sync.py"
        "::test_what_nothing_was_delivered_of_in_time_is_told_before_what_is_held",
    ),
    Mutant(
        "told: sync ends with 0 for a request that can't be prepared",
        _SYNC,
        "run.tell(line, code, counts=not done, missed=missed)",
        "run.tell(line, Exit.DELIVERED, counts=not done, missed=missed)",
        "tests/cli/test_sync.py::test_a_request_that_can_not_be_prepared_is_told_by_the_code",
    ),
    Mutant(
        "told: sync ends with 0 for a file that is no request",
        _SYNC,
        "run.tell(line, error.exit, counts=True, missed=False)",
        "run.tell(line, error.exit, counts=False, missed=False)",
        "tests/cli/test_sync.py::test_a_file_that_is_no_request_is_told_by_the_code",
    ),
    Mutant(
        "told: sync passes over a case whose file is gone",
        _SYNC,
        'run.tell({"file": file, **known}, code, counts=True, missed=stands.missed)',
        "pass",
        "tests/cli/test_sync.py::test_a_case_whose_file_is_gone_is_told_before_it_is_late",
    ),
)
