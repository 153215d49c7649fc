"""Whether `audit.ndjson` is what the disclosure log makes of it: line by line, row by row. Pure.

A line is sealed: it carries a keyed hash of itself, as a row of the log does. So who lacks the
ledger's key can't change one unnoticed, whatever the configuration says by now. Lines of programs
from before there was a seal can only stand before the first that has one; they are compared with
their row by what they take from it, and counted.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...fhir.lossless import UndecodableError, decode
from .audit_ndjson import SEAL, UNSEALED, named
from .disclosures import Break, Keyed, Row

_SEALED = re.compile(rb'"type":"%s","valueString":"([0-9a-f]{64})"' % SEAL.encode())


class Found(NamedTuple):
    """Lines that hold before the first that does not; how many of them bear no seal."""

    held: int
    unsealed: int
    broken: Break | None


def seal(keyed: Keyed, event: bytes) -> bytes:
    """An AuditEvent whose `SEAL` detail is still `UNSEALED`, sealed."""
    return _with(event, _hash(keyed, event))


def check(keyed: Keyed, rows: Sequence[Row], content: bytes, name: str) -> Found:
    """Compare all of a file with all rows of its case. `name`: of the file, for a message."""
    *lines, rest = content.split(b"\n")
    known = {row.seq: row for row in rows}
    told: set[int] = set()
    unsealed = 0

    def broken(kind: Any, row: int, line: int, why: str) -> Found:
        return Found(line - 1, unsealed, Break(row, kind, f"line {line} of {name}: {why}", line))

    for number, line in enumerate(lines, 1):
        due = rows[number - 1].seq if number <= len(rows) else 0
        found = named(line)
        if found is None:
            return broken("changed", due, number, "no AuditEvent that names its row")
        if found.seq in told:
            return broken("doubled", found.seq, number, f"row {found.seq} is told once already")
        if found.seq not in known:
            return broken("added", found.seq, number, "the log has no such row of this case")
        if found.seq != due:
            later = any((one := named(other)) and one.seq == due for other in lines[number:])
            kind, why = ("moved", "told further down") if later else ("removed", "not told")
            return broken(kind, due, number, f"row {due} comes here, and is {why}")
        seals = _SEALED.findall(line)
        if len(seals) > 1 or (not seals and unsealed < number - 1):
            return broken("changed", due, number, "not as it was written")
        unsealed += not seals
        sound = not seals or _hash(keyed, _with(line, UNSEALED)).encode() == seals[0]
        if not sound or found.hash != known[due].hash or not _tells(line, known[due]):
            return broken("changed", due, number, "not what its row makes")
        told.add(found.seq)
    if len(lines) < len(rows):
        why = f"row {rows[len(lines)].seq} is not told; if a run was killed, the next one tells it"
        return broken("cut", rows[len(lines)].seq, len(lines) + 1, why)
    if rest:
        return broken("added", 0, len(lines) + 1, "no whole line")
    return Found(len(lines), unsealed, None)


def _with(line: bytes, value: str) -> bytes:
    return _SEALED.sub(b'"type":"%s","valueString":"%s"' % (SEAL.encode(), value.encode()), line)


def _hash(keyed: Callable[[str], str], zeroed: bytes) -> str:
    return keyed("audit event " + zeroed.decode("latin-1"))


def _tells(line: bytes, row: Row) -> bool:
    """Whether an event says of its row what every program made it say."""
    try:
        event: Any = decode(line)
        details = {
            d["type"]: d["valueString"] for e in event["entity"] for d in e.get("detail", [])
        }
        said = event["recorded"], event["outcomeDesc"], details["resources"], details["rejected"]
    except (UndecodableError, KeyError, TypeError, AttributeError):
        return False
    wanted = row.at, f"{row.event}: {row.outcome}", str(row.resources), str(row.rejected)
    return bool(said == wanted)
