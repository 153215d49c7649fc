"""What we brought and would not bring now: withheld since, and still there until a person decides.

Only known here: what stands at the destination, what a look found, and what people said of it.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from ...fhir.ids import derived_id
from ..case.casefile import CaseFile
from ..mapped.packet import Decision
from ..mapped.update import number, renewed
from ..pulled import chart
from ..sent import delivery

_NOT_THERE = ("intended", "rejected", "removed")
TAKEN_BACK = "taken-back"  # the rule by which a record stays here that a person took back


class Standing(NamedTuple):
    """A record of ours there that would be withheld now. `record`: `Type/id` at the source."""

    record: str
    there: str
    rule: str
    reason: str


def still_there(case: CaseFile, source: uuid.UUID, withheld: Iterable[Decision]) -> list[Standing]:
    """Those of `withheld` that we brought and that stand there, in every place they stand."""
    places = _places(case)
    anew: dict[str, list[str]] = {}
    for key, new in renewed(case).items():
        anew.setdefault(key, []).append(new)
    found = []
    for decision in withheld:
        key = f"{decision.type}/{derived_id(source, decision.type, decision.id)}"
        record = f"{decision.type}/{decision.id}"
        found += [
            Standing(record, places[name], decision.rule, decision.reason)
            for name in (key, *anew.get(key, ()))
            if name in places
        ]
    return found


def all_there(case: CaseFile, rule: str, reason: str) -> list[Standing]:
    """Everything of the chart that we brought and that stands there."""
    places = _places(case)
    columns = "type, id, source"
    rows = case.rows(
        f"SELECT {columns} FROM entry WHERE origin = 'carried' AND type <> 'Patient' UNION"  # noqa: S608 - names from above
        f" SELECT {columns} FROM former WHERE source LIKE '%/%' AND type <> 'Patient' ORDER BY 1, 2"
    )
    return [
        Standing(source, places[f"{t}/{i}"], rule, reason)
        for t, i, source in rows
        if f"{t}/{i}" in places
    ]


def _places(case: CaseFile) -> dict[str, str]:
    """Key of what we wrote and nobody took away → where it stands; "" if unknown."""
    places = delivery.places(case)
    return {
        key: places.get(key, "")
        for row in delivery.deliveries(case)
        if row.write_no > 0
        and row.status not in _NOT_THERE
        and ((key := f"{row.type}/{row.id}") in places or row.status == "accepted")
    }


def note(
    case: CaseFile,
    at: str,
    records: Iterable[Standing],
    *,
    say: str | None,
    code: str = "",
    runs_out: dict[str, Any] | None = None,
) -> None:
    """Keep what a look found at an instant (FHIR).

    `say`: what the consents said then. `code`: why nothing of the packet could leave now, if that
    is so. `runs_out`: `at` and `records`: what is withheld from then on, by the consents alone.
    """
    before = case.state.withheld_since or {}
    listed = [list(each) for each in records]
    # What the source has no more nobody can judge: it stays as it was judged last.
    listed += [
        row
        for row in (before.get("records", ()) if not (before.get("code") or code) else ())
        if not chart.has_record(case, *row[0].split("/", 1))
    ]
    ever = {*before.get("ever", ()), *(each[0] for each in listed)}
    found: dict[str, Any] = {
        "at": at, "say": say, "code": code, "records": listed, "ever": sorted(ever), "unread": "",
        "runs_out": runs_out,
    }  # fmt: skip
    case.state.withheld_since = found


def unread(case: CaseFile, why: str) -> None:
    """Say that the consents could not be read again, after the last look. `why`: safe to print."""
    case.state.withheld_since = {**(case.state.withheld_since or {}), "unread": why}


def noted(case: CaseFile) -> dict[str, Any]:
    """What the last look found; empty if there was none."""
    found: dict[str, Any] = case.state.withheld_since or {}
    return found


def ever(case: CaseFile) -> frozenset[str]:
    """Records that were withheld after they stood there: nothing more is told of them."""
    return frozenset(noted(case).get("ever", ())) | taken_back(case).keys()


def decide(
    case: CaseFile, how: str, records: Iterable[str], *, by: str, reason: str, at: str
) -> None:
    """Keep what a person decided of records that stand there: `keep` or `recall`. In a commit."""
    rules = {each.record: each.rule for each in found_at(case, None)}
    said = dict(case.state.single_records or {})
    for record in records:
        rule = rules.get(record, "")
        before = said.get(record, {}) if how == "recall" else {}
        told = before.get("update")
        # Said again of one that is under way: it goes on from where it is.
        phase = before.get("phase", "") if before.get("how") == how else ""
        said[record] = {
            "how": how, "by": by, "reason": reason, "at": at, "rule": rule,
            "phase": "" if phase == "done" else phase,
            "update": told or number(case) + 1,
        }  # fmt: skip
    case.state.single_records = said


def unfinished(case: CaseFile) -> list[str]:
    """Records that were taken back, and are not yet as far as they can be."""
    return [record for record, each in taken_back(case).items() if each["phase"] != "done"]


def phase(case: CaseFile, record: str) -> str:
    """How far the taking back of a record has come: "", `emptied` or `done`."""
    return str(taken_back(case)[record]["phase"])


def reached(case: CaseFile, records: Iterable[str], phase: str) -> None:
    """Say how far the taking back of records has come: `emptied`, or `done`."""
    said = dict(case.state.single_records or {})
    case.state.single_records = said | {
        record: {**said[record], "phase": phase} for record in records
    }


def last_by(case: CaseFile) -> str | None:
    """Who took back a record last."""
    made = max(taken_back(case).values(), key=lambda each: str(each["at"]), default=None)
    return str(made["by"]) if made else None


def taken_back(case: CaseFile) -> dict[str, dict[str, Any]]:
    """Records that a person took back: `Type/id` at the source → by, reason, at."""
    said = case.state.single_records or {}
    return {record: each for record, each in said.items() if each["how"] == "recall"}


def taken_back_in(case: CaseFile, number: int) -> int:
    """How many records were taken back that update `number` is the first to tell of."""
    return sum(each["update"] == number for each in taken_back(case).values())


def may_stay(case: CaseFile) -> dict[str, dict[str, Any]]:
    """Records of which a person said that they may stay, and the rule of which it was said."""
    said = case.state.single_records or {}
    return {record: each for record, each in said.items() if each["how"] == "keep"}


def found_at(case: CaseFile, now: datetime | None) -> list[Standing]:
    """What stands there and would be withheld, by the last look and the clock alone.

    `now`: UTC; None: whatever runs out later counts as well.
    """
    found = noted(case)
    later = found.get("runs_out")
    over = later and (now is None or now > datetime.fromisoformat(later["at"]))
    rows = [*found.get("records", ()), *(later["records"] if over and later else ())]
    places = set(_places(case).values())
    return [each for each in dict.fromkeys(Standing(*row) for row in rows) if each.there in places]


def undecided(case: CaseFile, now: datetime) -> list[Standing]:
    """Those of `found_at` about which nobody decided. Another rule asks anew."""
    stays = may_stay(case)
    return [
        each for each in found_at(case, now) if stays.get(each.record, {}).get("rule") != each.rule
    ]
