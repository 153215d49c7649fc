"""What a case tells of itself without being worked on: for those who look."""

import base64
from datetime import datetime
from pathlib import Path
from typing import Any

from .fhir.lossless import decode, sha256
from .job import Job
from .store.case.casefile import CaseFile
from .store.mapped import answers, coverage, packet
from .store.mapped.rulings import rulings
from .store.mapped.update import possible
from .store.pulled import query_plan
from .store.status.standing import Standing, standing


def last_known(folder: Path, now: datetime) -> Standing | None:
    """How the case in `folder` stands after the last run; None if there was none."""
    if not (folder / "case.db").exists():
        return None
    with CaseFile.open(folder) as case:
        return standing(case, now)


def takes_updates(job: Job) -> bool:
    """Whether what was delivered of a case can be updated; true where nothing was yet."""
    if not (job.folder / "case.db").exists():
        return True
    with CaseFile.open(job.folder) as case:
        return possible(case)


def outline(job: Job) -> dict[str, Any] | None:
    """What the packet holds and why, as the map step told it; None before it is mapped."""
    with CaseFile.open(job.folder) as case:
        found: dict[str, Any] | None = case.state.outline if case.state.mapped_with else None
        return found and {
            **found,
            "coverage": _covered(case),
            "asked": _asked(case),
            "documents": _documents(case),
            "rulings": [ruling._asdict() for ruling in rulings(case)],
        }


def _documents(case: CaseFile) -> list[dict[str, Any]]:
    """Files of this machine that go along: the signed authorization, and what was attached."""
    found = [
        {"for": d.item, "content_type": d.content_type, "size": d.size, "hash": d.sha256}
        for d in answers.supplied(case)
    ]
    consent = packet.authored(case, "Consent")
    if consent is not None:
        attached: dict[str, Any] = decode(consent.body).get("sourceAttachment") or {}
        body = base64.b64decode(attached.get("data") or "")
        kind = attached.get("contentType")
        found.insert(
            0,
            {
                "for": "authorization",
                "content_type": kind,
                "size": len(body),
                "hash": sha256(body),
            },
        )
    return found


def _covered(case: CaseFile) -> dict[str, Any]:
    """What became of the elements of the records that leave, and what rules changed in them."""
    names = ("rule", "path", "what", "records")
    return {
        "elements": [line._asdict() for line in coverage.lines(case)],
        "changes": [dict(zip(names, row, strict=True)) for row in coverage.changes(case)],
    }


def _asked(case: CaseFile) -> list[dict[str, Any]]:
    """What was asked of the source, why, and what came of it. No ids: `what` is the query's key."""
    filled = case.state.filled
    return [
        {
            "what": query.key,
            "why": query.why,
            "status": query.status,
            "pages": query.pages,
            "records": query.matches,
            "filled": filled.get(query.key, ""),
        }
        for query in query_plan.queries(case)
    ]
