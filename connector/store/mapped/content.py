"""What attachments hold, in the case file: each content once, under its SHA-256."""

from typing import IO

from ..case.casefile import CaseFile


def put_content(case: CaseFile, sha256: str, size: int, content: IO[bytes]) -> None:
    """Store `size` bytes from the start of `content`, inside `case.commit()`, if they are new."""
    new = case.execute("INSERT OR IGNORE INTO content VALUES (?, zeroblob(?))", (sha256, size))
    if new:
        content.seek(0)
        found = case.row("SELECT rowid FROM content WHERE sha256 = ?", (sha256,))
        assert found is not None
        case.write_blob("content", "body", found[0], content)


def attached(case: CaseFile, url: str) -> tuple[str | None, bytes] | None:
    """Content type and content of the attachment at `url` (as written); None if it was not had."""
    found = case.row(
        "SELECT content_type, body FROM attachment JOIN content USING (sha256)"
        " WHERE url = ? AND status = 'had'",
        (url,),
    )
    return (found[0], found[1]) if found else None
