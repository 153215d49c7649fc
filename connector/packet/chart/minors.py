"""What kinds a record is of while the patient is a minor."""

from dataclasses import replace
from datetime import datetime

from ...store.case.casefile import CaseFile
from ..record.sensitive_kinds import with_minors
from ..ruleset.mappings import Mappings
from .index import Row, body


def mark_minors(
    rows: dict[str, Row], patient: str, case: CaseFile, mappings: Mappings, at: datetime
) -> None:
    """Some kinds of record are of one more kind while the patient is a minor."""
    minors = mappings.heuristic.minors
    birth = str((body(case, patient) or {}).get("birthDate", ""))
    for key, row in rows.items():
        if not row.sensitive:
            continue
        sensitive = with_minors(row.sensitive, minors, birth, at)
        if sensitive != row.sensitive:
            rows[key] = replace(row, sensitive=sensitive)
