"""audit.ndjson in the folder of a case: one AuditEvent a line, only ever appended to (mode 0600).

Each line names the row of the disclosure log that it tells of, with its hash: so every case folder
remembers rows of the log, whatever happens to the ledger.
"""

import os
from pathlib import Path
from typing import Any

from ...fhir.lossless import UndecodableError, decode
from .disclosures import Anchor, Row

NAME = "audit.ndjson"
_ROW, _HASH = "log-row", "log-hash"
SEAL, UNSEALED = "line-seal", "0" * 64  # of a line: `audit_check.py`
_TAIL = 64 * 1024  # more than any event is long


def as_details(row: Row) -> dict[str, str]:
    """How an AuditEvent names its row (`AuditEvent.entity.detail`, type → valueString)."""
    return {_ROW: str(row.seq), _HASH: row.hash, SEAL: UNSEALED}


def append(folder: Path, event: bytes) -> None:
    """Add one line, on disk when this returns. What a crash left of a line is cut off first."""
    descriptor = os.open(folder / NAME, os.O_CREAT | os.O_RDWR, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - _TAIL)
        file.seek(start)
        whole = start + file.read().rfind(b"\n") + 1
        file.truncate(whole)
        file.seek(whole)
        file.write(event + b"\n")
        file.flush()
        os.fsync(file.fileno())


def last(folder: Path) -> Anchor | None:
    """The row that the last whole line tells of; None if there is none."""
    path = folder / NAME
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        lines = file.read().split(b"\n")[:-1]
    return named(lines[-1], folder.name) if lines else None


def anchors(folder: Path) -> list[Anchor]:
    """The rows that the whole lines tell of."""
    found = (named(line, folder.name) for line in lines(folder).splitlines())
    return [anchor for anchor in found if anchor is not None]


def lines(folder: Path) -> bytes:
    """All whole lines; nothing where there is no such file yet."""
    found = content(folder)
    return found[: found.rfind(b"\n") + 1]


def content(folder: Path) -> bytes:
    """The whole file; nothing where there is none yet."""
    path = folder / NAME
    return path.read_bytes() if path.exists() else b""


def named(line: bytes, case: str = "") -> Anchor | None:
    """The row that a line tells of; None if it is no such line."""
    try:
        event: Any = decode(line)
        details = {
            detail["type"]: detail["valueString"]
            for entity in event["entity"]
            for detail in entity.get("detail", [])
        }
        return Anchor(int(details[_ROW]), details[_HASH], f"{NAME} of case {case}")
    except (UndecodableError, KeyError, TypeError, ValueError, AttributeError):
        return None
