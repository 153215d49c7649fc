"""Why each record of a case leaves or stays: the rule, its reason, and where the rule stands."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from ..errors import UsageError
from ..request import Request
from ..store import coverage, packet
from ..store.casefile import CaseFile
from ..store.coverage import Changed
from ..store.packet import Decision
from .mappings import Mappings
from .rules import Checklist

_ITEM = "checklist-"


def explain(
    case: CaseFile, mappings: Mappings, programme: str | None, wanted: str | None = None
) -> dict[str, Any]:
    """The decisions of the map step, as plain values.

    `wanted`: one record as `Type/id` at the source, or a type; None: all. `same_set`: whether the
    packet was made with the mappings at hand. `rules`: outcome, rule, reason, `where` it stands
    (file and line; null for a rule of the program itself), and how many records. `records`: the
    same of each record, with the checklist items that it answers, and the `changes` made in it:
    `rule`, `path` of the element, `what` was done, `where` the rule stands.

    Raises `UsageError` if there is no packet yet, or no such record in the chart.
    """
    decisions = [d for d in packet.decisions(case) if wanted in (None, d.type, _key(d))]
    if not case.fact("mapped"):
        raise UsageError("the case has no packet yet", "Author it first: `connector map REQUEST`.")
    if not decisions:
        raise UsageError(
            "no such record in the chart of this case",
            "Name it as the source does (Type/id), or a type.",
        )
    request = Request.model_validate(case.fact("request"))
    listed = mappings.checklist(request.case_type, programme)

    def where(rule: str) -> str | None:
        return _where(rule, mappings, listed)

    answers, changes = _answers(case), _changes(case)
    return {
        "case": case.folder.name,
        "same_set": case.fact("mapped") == mappings.identity,
        "rules": [
            {**_of(rule), "where": where(rule.rule), "records": number}
            for rule, number in _rules(decisions)
        ],
        "records": [
            {
                "record": _key(decision),
                **_of(decision),
                "where": where(decision.rule),
                "items": answers[_key(decision)],
                "changes": [
                    {"rule": c.rule, "path": c.path, "what": c.what, "where": where(c.rule)}
                    for c in changes[_key(decision)]
                ],
            }
            for decision in decisions
        ],
    }


def _key(decision: Decision) -> str:
    return f"{decision.type}/{decision.id}"


def _of(decision: Decision) -> dict[str, str]:
    return {"outcome": decision.outcome, "rule": decision.rule, "reason": decision.reason}


def _rules(decisions: Sequence[Decision]) -> list[tuple[Decision, int]]:
    """The decisions without what they are about, each once with how many there are."""
    counts = Counter(decision._replace(type="", id="") for decision in decisions)
    return sorted(counts.items())


def _answers(case: CaseFile) -> dict[str, list[str]]:
    """Record → the checklist items of which it is evidence."""
    found: dict[str, list[str]] = defaultdict(list)
    for item in packet.items(case):
        for key in item.evidence.split():
            found[key].append(item.item)
    return found


def _changes(case: CaseFile) -> dict[str, list[Changed]]:
    """Record → what rules changed in it."""
    found: dict[str, list[Changed]] = defaultdict(list)
    for change in coverage.changed(case):
        found[f"{change.type}/{change.id}"].append(change)
    return found


def _where(rule: str, mappings: Mappings, listed: Checklist) -> str | None:
    place = (
        listed.places.get(rule.removeprefix(_ITEM))
        if rule.startswith(_ITEM)
        else mappings.places.get(rule)
    )
    return f"{place.path}, line {place.line}" if place else None
