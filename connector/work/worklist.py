"""All cases of a store in a line each, as they stand now."""

from datetime import datetime
from pathlib import Path
from typing import Any

from ..case import exit_codes
from ..config import Config
from ..errors import ConnectorError, unforeseen
from ..instant import instant
from ..job import case_folder
from ..store.case.casefile import CaseFile
from ..store.ledger.cases import CaseRow
from ..store.ledger.ledger import Ledger
from ..store.status.need import need_of
from ..store.status.standing import end_of, facts_of


def worklist(config: Config, now: datetime) -> list[dict[str, Any]]:
    """Every case, the nearest need first: docs/json-output.md, `status`.

    Of one whose case file can't be read, what the ledger knows, and why.
    """
    ledger = Ledger(config.ledger_url(), config.store.path / "ledger.key")
    try:
        rows = ledger.cases()
    finally:
        ledger.close()
    return [_line(case_folder(config, row.handle), row, now) for row in rows]


def _line(folder: Path, row: CaseRow, now: datetime) -> dict[str, Any]:
    known = {
        "case": row.handle,
        "request_id": None,
        "request_file": None,
        "destination": None,
        "needed_by": row.due,
        "meeting": None,
        "due_at": instant(row.due_at),
        "state": row.state,
        "missed": False,
        "closed": row.state == "closed",
        "exit_code": row.exit_code,
        "error": "",
    }
    try:
        if not (folder / "case.db").exists():
            return {**known, "error": "the case's file is not there"}
        with CaseFile.open(folder) as case:
            if case.state.request is None:
                return {**known, "error": "the case's file is empty"}
            return {**known, **_read(case, now)}
    except ConnectorError as error:
        return {**known, "error": str(error)}
    except Exception as error:  # noqa: BLE001 - one case never stops the others
        return {**known, "error": str(unforeseen(error))}


def _read(case: CaseFile, now: datetime) -> dict[str, Any]:
    facts, need = facts_of(case, now), need_of(case)
    request = case.state.request or {}
    return {
        "request_id": request.get("request_id"),
        "request_file": case.state.request_file,
        "destination": end_of(case, "destination"),
        "needed_by": case.state.needed_by,
        "meeting": need.meeting,
        "state": facts.state.value,
        "missed": facts.missed,
        "closed": facts.closed,
        "exit_code": int(exit_codes(facts)[0]),
    }
