"""What people say in place of the chart, and older files that did not know it."""

import io
import sqlite3
from contextlib import closing
from pathlib import Path

from connector.case import State
from connector.store.case.casefile import CaseFile
from connector.store.case.schema import SCHEMA_VERSION
from connector.store.mapped import answers, packet
from connector.store.mapped.content import put_content
from connector.store.pulled import earlier

ONE = answers.Supplied("notes", "a" * 64, "application/pdf", 3, "A note", "2026", "11506-3")


def supply(case: CaseFile, *documents: answers.Supplied) -> None:
    for document in documents:
        answers.supply(case, document, io.BytesIO(b"pdf"))


def contents(case: CaseFile) -> list[str]:
    return [name for (name,) in case.rows("SELECT sha256 FROM content")]


def test_a_document_is_kept_once_however_often_it_is_brought(case: CaseFile) -> None:
    other = ONE._replace(item="labs")
    supply(case, ONE, ONE._replace(title="Better"), other)
    assert answers.supplied(case) == [other, ONE._replace(title="Better")]
    assert answers.supplied_body(case, ONE.sha256) == b"pdf"
    assert len(contents(case)) == 1


def test_what_is_taken_back_is_gone_unless_something_else_holds_the_same(case: CaseFile) -> None:
    supply(case, ONE, ONE._replace(item="labs"))
    answers.take_back(case, ONE)
    assert contents(case) == [ONE.sha256]
    with case.commit():
        case.execute(
            "INSERT INTO attachment VALUES ('Binary/1', 'X', '1', 'had', NULL, ?)", (ONE.sha256,)
        )
    answers.take_back(case, ONE._replace(item="labs"))
    assert (answers.supplied(case), contents(case)) == ([], [ONE.sha256])
    with case.commit():
        case.execute("DELETE FROM attachment")
    supply(case, ONE)
    answers.take_back(case, ONE)
    assert contents(case) == []


def test_a_pull_that_begins_again_keeps_what_people_brought(case: CaseFile) -> None:
    supply(case, ONE)
    with case.commit():
        put_content(case, "b" * 64, 1, io.BytesIO(b"x"))
    earlier.keep_only(case, ())
    assert contents(case) == [ONE.sha256]


def test_a_waiver_is_kept_and_undone(case: CaseFile) -> None:
    waiver = answers.Waiver("labs", "A", "lost", "2026-11-22T12:00:00Z")
    answers.waive(case, waiver)
    answers.waive(case, waiver._replace(reason="burnt"))
    assert answers.waivers(case) == [waiver._replace(reason="burnt")]
    assert answers.unwaive(case, "labs")
    assert not answers.unwaive(case, "labs")


def test_a_file_of_the_first_schema_opens_with_what_it_knew(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "case.db")) as db:
        db.executescript(
            """
            CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
            INSERT INTO fact VALUES ('state', '"held"'), ('told', '{"said": "arrived"}');
            CREATE TABLE item (
              seq INTEGER PRIMARY KEY, item TEXT NOT NULL, need TEXT NOT NULL, kind TEXT NOT NULL,
              why TEXT NOT NULL, ask TEXT NOT NULL, evidence TEXT NOT NULL) STRICT;
            INSERT INTO item VALUES (1, 'labs', 'required', 'present', '6 there', '', 'X/1');
            INSERT INTO item VALUES (2, 'plan', 'required', 'searched-none', 'none', 'ask', '');
            CREATE TABLE decision (
              type TEXT NOT NULL, id TEXT NOT NULL, outcome TEXT NOT NULL, rule TEXT NOT NULL,
              reason TEXT NOT NULL, PRIMARY KEY (type, id)) STRICT;
            INSERT INTO decision VALUES ('Condition', '1', 'withheld', 'release-part-2', 'law');
            CREATE TABLE gap (
              what TEXT NOT NULL, kind TEXT NOT NULL, why TEXT NOT NULL,
              expected INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (what, kind)) STRICT;
            PRAGMA user_version = 1;
            """
        )
    for _ in range(2):
        with CaseFile.open(tmp_path) as case:
            assert case.row("PRAGMA user_version") == (SCHEMA_VERSION,)
            assert [(i.item, i.missing) for i in packet.items(case)] == [
                ("labs", False),
                ("plan", True),
            ]
            assert answers.supplied(case) == []
            assert case.state.status is State.HELD
            assert case.state.unknown_outcome_said == {"said": "arrived"}
            law = packet.Decision("Condition", "1", "withheld", "release-part-2", "law")
            assert packet.decisions(case) == [law]
