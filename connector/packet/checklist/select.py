"""What leaves, and under which rule."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from ...request import Request
from ...store.mapped.packet import Decision
from ..chart.index import Row
from ..chart.match import Shelf
from ..ruleset.rules import Selection
from .assess import Finding

Selected = dict[str, tuple[str, str]]  # key → (rule, reason)


def select(
    rows: Mapping[str, Row],
    shelf: Shelf,
    request: Request,
    scope: str,
    findings: Sequence[Finding],
    selection: Selection,
    released: Iterable[str] = (),
    there: Collection[str] = (),
) -> Selected:
    """The records that leave. `rows` and `shelf`: those that may travel, by key and by type.

    `released`: records that a person lets leave. `there`: Consents that stand at the destination:
    they are to say there what they are now.
    """
    chosen: Selected = {}

    def take(keys: Iterable[str], rule: str, reason: str) -> None:
        for key in keys:
            if key in rows:
                chosen.setdefault(key, (rule, reason))

    take([key for key, row in rows.items() if row.type == "Patient"], "patient", "whose case it is")
    for field in ("condition", "hinge", "first_opinion", "include"):
        named = getattr(request, field)
        keys = [named] if isinstance(named, str) else named or ()
        take(keys, f"request-{field.replace('_', '-')}", f"the request names it ({field})")
    take(released, "person-releases", "a person releases it")
    for safety in (rule for rule in selection.safety if rule.always):
        take([row.key for row in shelf.all_meant(safety.match)], safety.id, safety.reason)
    for finding in findings:
        rule = f"checklist-{finding.item.id}"
        take([row.key for row in (*finding.rows, *finding.older)], rule, finding.item.title)
    if scope == "whole-chart":
        apart = selection.shared | {"Provenance"}
        take(
            [key for key, row in rows.items() if row.type not in apart],
            "whole-chart",
            "the whole chart was asked for",
        )
    take(there, "consent-there", "it stands there, and is to say what it is now")
    _close(chosen, rows, take)
    return chosen


def _close(
    chosen: Selected, rows: Mapping[str, Row], take: Callable[[Iterable[str], str, str], None]
) -> None:
    """Add what the chosen refer to, and Provenance of the chosen, until nothing more comes.

    A Provenance points at records, so nothing refers to it: it comes when one of its targets
    does. Its other targets do not come with it.
    """
    provenances = [row for row in rows.values() if row.type == "Provenance"]
    closed: set[str] = set()
    while open_keys := [key for key in chosen if key not in closed]:
        for key in open_keys:
            closed.add(key)
            take(rows[key].refers, "referenced", "a record that leaves refers to it")
        take(
            [row.key for row in provenances if not row.targets.isdisjoint(chosen)],
            "provenance",
            "says where a record that leaves comes from",
        )


def decide(
    rows: Iterable[Row], barred: Mapping[str, Decision], chosen: Selected
) -> dict[str, Decision]:
    """One decision per record, by key."""
    decided = dict(barred)
    for row in rows:
        if row.key in barred:
            continue
        if rule := chosen.get(row.key):
            decided[row.key] = Decision(row.type, row.id, "selected", *rule)
        else:
            decided[row.key] = Decision(
                row.type, row.id, "not-selected", "outside-scope", "no rule asks for it"
            )
    return decided
