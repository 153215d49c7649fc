"""Gaps as the case file keeps them, and those that an older one kept as words."""

import sqlite3
from pathlib import Path

import pytest

from connector.gap import Gap, GapKind, Wanted, broken_types, read
from connector.store.case import gaps
from connector.store.case.casefile import CaseFile
from connector.store.pulled import query_plan


def gap(what: str, kind: GapKind, *reasons: str, expected: bool = False) -> Gap:
    return Gap(read(what), kind, reasons, expected)


def test_what_the_destination_did_not_take_stays_a_gap(case: CaseFile) -> None:
    gaps.add(case, gap("Procedure", GapKind.REJECTED, "HTTP 422"))
    query_plan.reopen_failed(case)
    assert [gap.kind for gap in gaps.of(case)] == ["rejected"]


def test_gaps_are_told_once_in_one_order(case: CaseFile) -> None:
    kept = [
        gap("Device", GapKind.UNSUPPORTED, "not offered", expected=True),
        gap("Procedure", GapKind.FAILED, "HTTP 503", "more than 5 pages"),
        gap("Procedure", GapKind.REFUSED, "HTTP 403"),
    ]
    gaps.add(case, gap("Procedure", GapKind.FAILED, "HTTP 500"))
    for each in reversed(kept):
        gaps.add(case, each)
    assert gaps.of(case) == kept
    assert kept[1].why == "HTTP 503; more than 5 pages"


WORDS = {
    "Observation": [Wanted("Observation")],
    "Observation?category=laboratory": [Wanted("Observation", "category=laboratory")],
    "CarePlan, Consent, Goal?lifecycle-status=any": [
        Wanted("CarePlan"),
        Wanted("Consent"),
        Wanted("Goal", "lifecycle-status=any"),
    ],
    "Practitioner (3 referenced)": [Wanted("Practitioner", role="referenced", number=3)],
    "attachment (1 of DocumentReference)": [
        Wanted("attachment", role="of DocumentReference", number=1)
    ],
    "Organization (parts of one that a consent names)": [
        Wanted("Organization", role="parts of one that a consent names")
    ],
    "Patient/$everything": [Wanted("Patient/$everything")],
    "files": [Wanted("files")],
}


@pytest.mark.parametrize("what", WORDS)
def test_an_older_file_kept_words(tmp_path: Path, what: str) -> None:
    """As schema 8 had it: the words are what they were, and the value is what they mean."""
    CaseFile.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "case.db") as db:
        db.executescript(
            "DROP TABLE gap; CREATE TABLE gap (what TEXT NOT NULL, kind TEXT NOT NULL,"
            " why TEXT NOT NULL, expected INTEGER NOT NULL DEFAULT 0,"
            " PRIMARY KEY (what, kind)) STRICT; DROP TABLE state;"
            " CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
            " PRAGMA user_version = 8"
        )
        db.execute("INSERT INTO gap VALUES (?, 'failed', 'HTTP 500; HTTP 502', 1)", (what,))
    for _ in range(2):
        with CaseFile.open(tmp_path) as case:
            (found,) = gaps.of(case)
        assert found == Gap(tuple(WORDS[what]), GapKind.FAILED, ("HTTP 500; HTTP 502",), True)
        assert (found.what, found.why) == (what, "HTTP 500; HTTP 502")


def test_several_types_in_one_gap_are_all_broken() -> None:
    told = [
        gap("CarePlan, Consent", GapKind.REFUSED, "HTTP 404"),
        gap("Goal", GapKind.UNSUPPORTED, "not offered"),
        gap("Observation?category=laboratory", GapKind.FAILED, "HTTP 500"),
    ]
    assert broken_types(told) == {"CarePlan", "Consent", "Observation"}
