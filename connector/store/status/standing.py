"""How a case stands, read from its rows: the same answer whoever asks, whatever a run just did."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...case import Facts, State, exit_codes
from ...errors import Exit
from ...gap import BROKEN, ItemKind
from ...instant import instant
from ..case import gaps
from ..case.casefile import CaseFile
from ..case.state import required
from ..mapped import coverage, packet
from ..mapped.update import number, opened
from ..pulled import earlier
from ..sent import delivery, recalled
from . import since
from .need import need_of
from .outcomes import counts
from .reasons import late, reasons


@dataclass(frozen=True, slots=True)
class Standing:
    """What `transfer --json` and `show --json` print (docs/case.schema.json)."""

    case: str
    request_id: str | None
    request_file: str | None  # from which it was last worked on
    source: dict[str, str] | None  # name, environment, base: as frozen with the case
    destination: dict[str, str] | None
    state: State
    exit_code: Exit
    reasons: list[dict[str, Any]]
    held_by: list[dict[str, str]]  # record, rule, label, consent: for a person only, never a log
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
    meeting: str | None
    due_at: str | None  # the last instant in time, UTC
    missed: bool  # the need has passed, and nothing was delivered
    late_minutes: int | None  # since then, while nothing is delivered; else as late as it came
    closed: dict[str, Any] | None  # by whom and when, if nobody waits for it any more
    adopted_at: str | None  # an older program's case: since when source and destination are known
    as_of: str | None
    packet_hash: str | None
    service_request: str | None
    task: str | None
    patient: str | None
    patient_chosen: dict[str, Any] | None  # the last decision of a person about it
    edit_waits: bool  # the request was edited, and is taken up when this packet is told
    copies_unseen: bool  # whether copies of ours stand there could not be looked for
    update: dict[str, Any] | None  # the last one after the first packet; told_at None: on its way
    withheld_since: dict[str, Any] | None  # of ours there: what would be withheld now
    taken_back: dict[str, Any] | None  # cancelled or recalled: by whom, when, what is left
    packet: str | None
    receipt: str | None

    def as_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "state": self.state.value, "exit_code": int(self.exit_code)}


def facts_of(case: CaseFile, now: datetime) -> Facts:
    """Everything that the exit code of a case depends on, at `now` (UTC)."""
    return Facts(
        state=case.state.status,
        missing_required=any(item.missing for item in packet.items(case)),
        unexpected_gap=any(g.kind in BROKEN and not g.expected for g in gaps.of(case)),
        due=need_of(case).due,
        delivered_at=_moment(case.state.announced_at),
        back_at=_moment(case.state.back_at),
        withheld_since=bool(since.undecided(case, now)),
        closed=case.state.closed is not None,
        now=now,
    )


def standing(case: CaseFile, now: datetime, goal: State = State.VERIFIED) -> Standing:
    """The standing of a case at `now` (UTC), judged by the state that was asked for."""
    items = packet.items(case)
    facts, need = facts_of(case, now), need_of(case)
    codes = exit_codes(facts, goal)
    there = delivery.places(case)
    outline = case.state.outline
    return Standing(
        case=case.folder.name,
        request_id=(case.state.request or {}).get("request_id"),
        request_file=case.state.request_file,
        source=end_of(case, "source"),
        destination=end_of(case, "destination"),
        state=facts.state,
        exit_code=codes[0],
        reasons=reasons(case, codes, late(facts, need), now),
        held_by=[] if case.state.closed else case.state.held_by,
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
                "due": case.state.needed_by,
            }
            for i in items
            if i.told
        ],
        settled=[
            {"item": i.item, "kind": i.kind, "why": i.why}
            for i in items
            if i.answered and i.kind is not ItemKind.PRESENT
        ],
        gaps=[
            {"what": g.what, "kind": g.kind, "why": g.why, "expected": g.expected}
            for g in gaps.of(case)
        ],
        changes=[{"type": t, "how": how, "records": n} for t, how, n in earlier.changes(case)],
        advice=outline.get("advice"),
        independence=outline.get("independence", []),
        independence_unseen=outline.get("independence_unseen", []),
        needed_by=case.state.needed_by,
        meeting=need.meeting,
        due_at=instant(need.due) if need.due else None,
        missed=facts.missed,
        late_minutes=_late_minutes(facts),
        closed=_closed(case),
        adopted_at=case.state.adopted_at,
        as_of=case.state.as_of,
        packet_hash=case.state.packet_hash,
        service_request=_place(case, "ServiceRequest", there),
        task=_place(case, "Task", there),
        patient=case.state.destination_patient or _patient(there),
        patient_chosen=_chosen(case),
        edit_waits=case.state.edit_waits,
        copies_unseen=case.state.copies_unseen,
        update=_update(case),
        withheld_since=_since(case, now),
        taken_back=_taken_back(case),
        packet=_file(case, "packet.json"),
        receipt=_file(case, "receipt.json"),
    )


def _late_minutes(facts: Facts) -> int | None:
    if facts.due is None or not (facts.missed or facts.delivered_at):
        return None
    minutes = int(((facts.delivered_at or facts.now) - facts.due).total_seconds() // 60)
    return minutes if (facts.delivered_at or facts.now) > facts.due else None


def end_of(case: CaseFile, end: str) -> dict[str, str] | None:
    """One end as it is frozen with the case, and as the request calls it."""
    found = (case.state.route or {}).get(end)
    return found and {"name": required(case.state.request)[end], **found}


def _closed(case: CaseFile) -> dict[str, Any] | None:
    made = case.state.closed  # the reason stays in the case file
    return made and {name: made[name] for name in ("by", "at")}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _place(case: CaseFile, name: str, there: dict[str, str]) -> str | None:
    key = packet.key_of_authored(case, name)
    return there.get(key) if key else None


def _patient(there: dict[str, str]) -> str | None:
    return next((place for place in there.values() if place.startswith("Patient/")), None)


def _chosen(case: CaseFile) -> dict[str, Any] | None:
    made = case.state.patient_choices
    return {name: made[-1][name] for name in ("patient", "by", "at", "differs")} if made else None


def _update(case: CaseFile) -> dict[str, Any] | None:
    found, told = opened(case), number(case)
    if found is None and told == 0:
        return None
    at = None if found else case.state.told_at
    return {"number": found["number"] if found else told, "told_at": at}


def _since(case: CaseFile, now: datetime) -> dict[str, Any] | None:
    found, back = since.noted(case), since.taken_back(case)
    if not found and not back:
        return None
    later, waiting = found.get("runs_out"), since.undecided(case, now)
    stays = since.may_stay(case)
    return {
        "looked_at": found.get("at"),
        "unread": found.get("unread", ""),
        "records": [
            {**each._asdict(), "kept_by": stays.get(each.record, {}).get("by")}
            for each in since.found_at(case, now)
        ],
        "undecided": len(waiting),
        "runs_out_at": later["at"] if later else None,
        "runs_out": len(later["records"]) if later else 0,
        "taken_back": [
            {"record": record, "by": each["by"], "at": each["at"]} for record, each in back.items()
        ],
    }


def _taken_back(case: CaseFile) -> dict[str, Any] | None:
    made = case.state.withdrawal
    if made is None:
        return None
    fates = Counter(row.fate for row in recalled.recalled(case))
    return {
        **{name: made[name] for name in ("how", "by", "at")},
        "left": case.state.withdrawn["left"] if case.state.withdrawn else [],
        "fates": dict(sorted(fates.items())),
        "report": _file(case, "recall.json"),
    }


def _file(case: CaseFile, name: str) -> str | None:
    path = case.folder / name
    return str(path) if path.exists() else None
