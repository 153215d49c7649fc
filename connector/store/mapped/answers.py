"""What people say in place of the chart: documents they bring, and items they do without."""

from typing import IO, NamedTuple

from ..case.casefile import CaseFile
from .content import put_content


class Supplied(NamedTuple):
    """One document brought for one item of the checklist. Its bytes are in `content`."""

    item: str
    sha256: str
    content_type: str
    size: int
    title: str
    date: str  # of the document, a FHIR date; "" if nobody said
    loinc: str  # what kind of document; "" if nobody said


class Waiver(NamedTuple):
    """One item that somebody decided to do without. `reason` stays with the operator."""

    item: str
    by: str
    reason: str
    at: str  # FHIR instant


def supply(case: CaseFile, document: Supplied, content: IO[bytes]) -> None:
    """Keep a document; the same one for the same item again replaces what was said of it."""
    with case.commit():
        put_content(case, document.sha256, document.size, content)
        case.execute("INSERT OR REPLACE INTO supplied VALUES (?, ?, ?, ?, ?, ?, ?)", document)


def supplied(case: CaseFile) -> list[Supplied]:
    """Every document brought, by item and content."""
    sql = "SELECT item, sha256, content_type, size, title, date, loinc FROM supplied"
    return [Supplied(*row) for row in case.rows(sql + " ORDER BY item, sha256")]


def supplied_body(case: CaseFile, sha256: str) -> bytes:
    """The bytes of a document that was brought."""
    found = case.row("SELECT body FROM content WHERE sha256 = ?", (sha256,))
    assert found is not None, "supplied before"
    body: bytes = found[0]
    return body


def take_back(case: CaseFile, document: Supplied) -> None:
    """Forget a document, and its bytes unless something else holds the same."""
    with case.commit():
        key = (document.item, document.sha256)
        case.execute("DELETE FROM supplied WHERE item = ? AND sha256 = ?", key)
        case.execute(
            "DELETE FROM content WHERE sha256 = ?"
            " AND sha256 NOT IN (SELECT sha256 FROM supplied)"
            " AND sha256 NOT IN (SELECT sha256 FROM attachment WHERE sha256 IS NOT NULL)",
            (document.sha256,),
        )


def waive(case: CaseFile, waiver: Waiver) -> None:
    """Keep a waiver in place of an earlier one for the item."""
    with case.commit():
        case.execute("INSERT OR REPLACE INTO waiver VALUES (?, ?, ?, ?)", waiver)


def unwaive(case: CaseFile, item: str) -> bool:
    """Forget the waiver of an item; False if there was none."""
    with case.commit():
        return case.execute("DELETE FROM waiver WHERE item = ?", (item,)) > 0


def waivers(case: CaseFile) -> list[Waiver]:
    """Every waiver, by item."""
    rows = case.rows("SELECT item, waived_by, reason, at FROM waiver ORDER BY item")
    return [Waiver(*row) for row in rows]
