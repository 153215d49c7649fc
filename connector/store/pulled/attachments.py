"""Attachments by their address, and what became of each. Changes are made in `case.commit()`."""

from collections.abc import Iterable

from ..case.casefile import CaseFile

Address = tuple[str, str, str]  # url as written, type and id of a record that has it


def add(case: CaseFile, addresses: Iterable[Address]) -> None:
    """Put addresses on the list; those already there are left as they are."""
    case.executemany(
        "INSERT OR IGNORE INTO attachment (url, type, id, status) VALUES (?, ?, ?, 'open')",
        addresses,
    )


def unsettled(case: CaseFile) -> list[Address]:
    """What is to be fetched, by address."""
    rows = case.rows("SELECT url, type, id FROM attachment WHERE status = 'open' ORDER BY url")
    return [(str(url), str(t), str(i)) for url, t, i in rows]


def had(case: CaseFile, url: str, content_type: str, digest: str) -> None:
    """Say what an address holds: the content with this hash (`content.put_content`)."""
    case.execute(
        "UPDATE attachment SET status = 'had', content_type = ?, sha256 = ? WHERE url = ?",
        (content_type, digest, url),
    )


def give_up(case: CaseFile, url: str) -> None:
    """Say that the attachment can't be had."""
    case.execute("UPDATE attachment SET status = 'gap' WHERE url = ?", (url,))


def drop(case: CaseFile, url: str) -> None:
    """Forget an address that no record has any more."""
    case.execute("DELETE FROM attachment WHERE url = ?", (url,))


def contents(case: CaseFile) -> dict[str, str]:
    """Address → hash of its content, of all that was had."""
    return dict(case.rows("SELECT url, sha256 FROM attachment WHERE status = 'had'"))
