"""Why each record of a case leaves or stays: the rule, its reason, and where the rule stands."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import UsageError
from ...request import Request
from ...store.case.casefile import CaseFile
from ...store.mapped import coverage, packet
from ...store.mapped.coverage import Changed
from ...store.mapped.packet import Decision
from ...store.mapped.rulings import Ruling, rulings
from ...store.pulled import chart
from ..chart.index import Row, read_rows
from ..chart.medications import name_drugs
from ..record.links import Links
from ..ruleset.mappings import Mappings
from ..ruleset.rules import Checklist

_ITEM = "checklist-"


def explain(
    case: CaseFile, mappings: Mappings, programme: str | None, wanted: str | None = None
) -> dict[str, Any]:
    """The decisions of the map step, as plain values; those of a held case as far as it came.

    `wanted`: one record as `Type/id` at the source, or a type; None: all. `packet`: whether there
    is one. `held_by`: what holds the case (`errors.Cause`). `same_set`: whether the packet was made
    with the mappings at hand. `rules`: outcome, rule, reason, `where` it stands (file and line;
    null for a rule of the program itself), and how many records. `records`: the same of each
    record, with the security `label` that the rule saw, `because`: the chain of what it follows
    from (`record`, `rule`, `label`), nearest first; `ruling` of a person, or null; `kinds`: of
    which kinds it is, each known by `code`, `category` or `words`; `inside`: how many records of
    each type stand in its documents; the checklist items that it
    answers, and the `changes` made in it: `rule`, `path` of the element, `what` was
    done, `where` the rule stands.

    Raises `UsageError` if nothing was decided yet, or no such record is in the chart.
    """
    made = packet.decisions(case) if case.state.mapped_with else packet.undone(case)
    held_by = case.state.held_by
    if not (case.state.mapped_with or held_by):
        raise UsageError("the case has no packet yet", "Author it first: `connector map REQUEST`.")
    by_key = {_key(decision): decision for decision in made}
    decisions = [d for d in made if wanted in (None, d.type, _key(d))]
    if not decisions and (wanted or not held_by):
        decisions = [_undecided(case, wanted)]
    request = Request.model_validate(case.state.request)
    listed = mappings.checklist(request.case_type, programme)

    def where(rule: str) -> str | None:
        return _where(rule, mappings, listed)

    answers, changes = _answers(case), _changes(case)
    rows = _rows(case, mappings)
    ruled = {ruling.record: ruling for ruling in rulings(case)}
    return {
        "case": case.folder.name,
        "packet": case.state.mapped_with is not None,
        "held_by": held_by,
        "same_set": case.state.mapped_with in (None, mappings.identity),
        "rules": [
            {**_of(rule), "where": where(rule.rule), "records": number}
            for rule, number in _rules(decisions)
        ],
        "records": [
            {
                "record": _key(decision),
                **_of(decision),
                "where": where(decision.rule),
                "label": decision.label,
                "because": list(_chain(decision, by_key)),
                "ruling": _ruling(ruled.get(_key(decision))),
                "kinds": dict(row.known) if (row := rows.get(_key(decision))) else {},
                "inside": _inside(row, mappings) if row else {},
                "items": answers[_key(decision)],
                "changes": [
                    {"rule": c.rule, "path": c.path, "what": c.what, "where": where(c.rule)}
                    for c in changes[_key(decision)]
                ],
            }
            for decision in decisions
        ],
    }


def _undecided(case: CaseFile, wanted: str | None) -> Decision:
    """A record on which nothing was decided when the case was held. `UsageError` if not there."""
    resource_type, _, resource_id = (wanted or "").partition("/")
    if case.state.mapped_with or not chart.record(case, resource_type, resource_id):
        raise UsageError(
            "no such record in the chart of this case",
            "Name it as the source does (Type/id), or a type.",
        )
    return Decision(resource_type, resource_id, "undecided", "none", "the case is held before that")


def _chain(decision: Decision, by_key: Mapping[str, Decision]) -> Iterator[dict[str, str]]:
    """What a decision follows from, nearest first."""
    seen: set[str] = set()
    while (key := decision.because) and key not in seen:
        seen.add(key)
        found = by_key.get(key)
        yield {
            "record": key,
            "rule": found.rule if found and found.outcome == "withheld" else "",
            "label": found.label if found else "",
        }
        if found is None or found.outcome != "withheld":
            return
        decision = found


def _ruling(found: Ruling | None) -> dict[str, str] | None:
    return found and {n: v for n, v in found._asdict().items() if n != "record"}


def _key(decision: Decision) -> str:
    return f"{decision.type}/{decision.id}"


def _of(decision: Decision) -> dict[str, str]:
    return {"outcome": decision.outcome, "rule": decision.rule, "reason": decision.reason}


def _rules(decisions: Sequence[Decision]) -> list[tuple[Decision, int]]:
    """The decisions without what they are about, each once with how many there are."""
    counts = Counter(
        decision._replace(type="", id="", label="", because="") for decision in decisions
    )
    return sorted(counts.items())


def _answers(case: CaseFile) -> dict[str, list[str]]:
    """Record → the checklist items of which it is evidence."""
    found: dict[str, list[str]] = defaultdict(list)
    for item in packet.items(case):
        for key in item.evidence.split():
            found[key].append(item.item)
    return found


def _rows(case: CaseFile, mappings: Mappings) -> dict[str, Row]:
    found = (row for row in read_rows(case, Links(case, ""), mappings) if isinstance(row, Row))
    rows = {row.key: row for row in found}
    name_drugs(rows, mappings)
    return rows


def _inside(row: Row, mappings: Mappings) -> dict[str, int]:
    """How many records of each type stand in the documents of a record, and count."""
    passed = {"Patient", "Composition", *mappings.selection.shared}
    return dict(
        sorted(Counter(each.type for each in row.inside if each.type not in passed).items())
    )


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
