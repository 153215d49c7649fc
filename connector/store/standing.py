"""How a case stands, read from its rows: the same answer whoever asks, whatever a run just did."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..case import Facts, State, exit_codes
from ..errors import Exit
from ..request import due_at
from . import chart, coverage, delivery, packet, recalled
from .casefile import CaseFile
from .update import number, opened

_COUNTED = ("selected", "not-selected", "withheld", "entered-in-error", "merged")
_UNPROVED = ("sent", "accepted", "differs")

# A sentence for each exit code; a more exact one stands in `obstacle` when a step was stopped.
_WORDS = {
    Exit.INCOMPLETE: "records are missing",
    Exit.WAITING: "not finished: run it again",
    Exit.HELD: "a person has to decide",
    Exit.SOURCE_FAILED: "the source failed",
    Exit.DESTINATION_REFUSED: "the destination refused",
    Exit.DIFFERS: "what was read back differs from what was sent",
    Exit.LATE: "the records are needed earlier than they arrive",
}

_APPROVAL = {
    "exit_code": int(Exit.HELD),
    "code": "approval",
    "why": "the packet waits for a person's approval",
    "what_to_do": "Look at it: `connector transfer REQUEST --dry-run`; then"
    " `connector approve CASE --hash HASH`.",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What `transfer --json` and `show --json` print (docs/case.schema.json)."""

    case: str
    state: State
    exit_code: Exit
    reasons: list[dict[str, Any]]
    counts: dict[str, int]
    coverage: dict[str, int] | None
    missing: list[dict[str, Any]]
    settled: list[dict[str, Any]]
    gaps: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    advice: str | None
    independence: list[str]
    independence_unseen: list[str]
    needed_by: str | None
    as_of: str | None
    packet_hash: str | None
    service_request: str | None
    task: str | None
    patient: str | None
    patient_chosen: dict[str, Any] | None  # the last decision of a person about it
    update: dict[str, Any] | None  # the last one after the first packet; told_at None: on its way
    taken_back: dict[str, Any] | None  # cancelled or recalled: by whom, when, what is left
    packet: str | None
    receipt: str | None

    def as_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "state": self.state.value, "exit_code": int(self.exit_code)}


def standing(case: CaseFile, now: datetime, goal: State = State.VERIFIED) -> Standing:
    """The standing of a case at `now` (UTC), judged by the state that was asked for."""
    items, gaps = packet.items(case), chart.gaps(case)
    state = State(case.fact("state", State.OPENED))
    facts = Facts(
        state=state,
        missing_required=any(item.missing for item in items),
        unexpected_gap=any(g.kind in chart.BROKEN and not g.expected for g in gaps),
        due=_due(case),
        delivered_at=_moment(case.fact("announced_at")),
        back_at=_moment(case.fact("back_at")),
        now=now,
    )
    codes = exit_codes(facts, goal)
    there = delivery.places(case)
    outline = case.fact("outline", {})
    return Standing(
        case=case.folder.name,
        state=state,
        exit_code=codes[0],
        reasons=_reasons(case, codes),
        counts=counts(case),
        coverage=coverage.totals(case),
        missing=[
            {
                "item": i.item,
                "need": i.need,
                "required": i.need == "required",
                "kind": i.kind,
                "why": i.why,
                "ask": i.ask,
                "due": case.fact("needed_by"),
            }
            for i in items
            if i.told
        ],
        settled=[
            {"item": i.item, "kind": i.kind, "why": i.why}
            for i in items
            if i.answered and i.kind != "present"
        ],
        gaps=[{"what": g.what, "kind": g.kind, "why": g.why, "expected": g.expected} for g in gaps],
        changes=[{"type": t, "how": how, "records": n} for t, how, n in chart.changes(case)],
        advice=outline.get("advice"),
        independence=outline.get("independence", []),
        independence_unseen=outline.get("independence_unseen", []),
        needed_by=case.fact("needed_by"),
        as_of=case.fact("as_of"),
        packet_hash=case.fact("packet_hash"),
        service_request=_place(case, "ServiceRequest", there),
        task=_place(case, "Task", there),
        patient=case.fact("destination_patient") or _patient(there),
        patient_chosen=_chosen(case),
        update=_update(case),
        taken_back=_taken_back(case),
        packet=_file(case, "packet.json"),
        receipt=_file(case, "receipt.json"),
    )


def counts(case: CaseFile) -> dict[str, int]:
    """pulled = selected + not_selected + withheld + entered_in_error + merged; what became of it.

    `accepted`: taken, and nothing there can be read. `theirs`: sent once, changed or deleted there
    before an update, and left so.
    """
    decided = dict(case.rows("SELECT outcome, count(*) FROM decision GROUP BY outcome"))
    placed = dict(
        case.rows("SELECT status, count(*) FROM delivery WHERE write_no > 0 GROUP BY status")
    )
    arrived = sum(placed.get(status, 0) for status in delivery.ARRIVED)
    return {
        "pulled": chart.count_records(case),
        **{name.replace("-", "_"): decided.get(name, 0) for name in _COUNTED},
        "sent": arrived + sum(placed.get(status, 0) for status in _UNPROVED),
        "accepted": placed.get("accepted", 0),
        "verified": arrived,
        "theirs": placed.get("theirs", 0) + placed.get("removed", 0),
    }


def _reasons(case: CaseFile, codes: list[Exit]) -> list[dict[str, Any]]:
    obstacle = case.fact("obstacle")
    reasons = [] if obstacle is None else [obstacle]
    if Exit.HELD in codes and case.fact("state") == State.UNAPPROVED:
        reasons.append(_APPROVAL)
    told = {reason["exit_code"] for reason in reasons}
    reasons += [
        {"exit_code": int(code), "code": code.name.lower(), "why": _WORDS[code], "what_to_do": ""}
        for code in codes
        if code in _WORDS and int(code) not in told
    ]
    return reasons


def _due(case: CaseFile) -> datetime | None:
    needed_by = case.fact("needed_by")
    return due_at(needed_by) if needed_by else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _place(case: CaseFile, name: str, there: dict[str, str]) -> str | None:
    entry = packet.authored(case, name)
    return there.get(f"{entry.type}/{entry.id}") if entry else None


def _patient(there: dict[str, str]) -> str | None:
    return next((place for place in there.values() if place.startswith("Patient/")), None)


def _chosen(case: CaseFile) -> dict[str, Any] | None:
    made = case.fact("patient_choices")
    return {name: made[-1][name] for name in ("patient", "by", "at", "differs")} if made else None


def _update(case: CaseFile) -> dict[str, Any] | None:
    found, told = opened(case), number(case)
    if found is None and told == 0:
        return None
    at = None if found else case.fact("told_at")
    return {"number": found["number"] if found else told, "told_at": at}


def _taken_back(case: CaseFile) -> dict[str, Any] | None:
    made = case.fact("withdrawal")
    if made is None:
        return None
    fates = Counter(row.fate for row in recalled.recalled(case))
    return {
        **{name: made[name] for name in ("how", "by", "at")},
        "left": (case.fact("withdrawn") or {}).get("left", []),
        "fates": dict(sorted(fates.items())),
        "report": _file(case, "recall.json"),
    }


def _file(case: CaseFile, name: str) -> str | None:
    path = case.folder / name
    return str(path) if path.exists() else None
