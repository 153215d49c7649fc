"""What leaves, and under which rule."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from ...request import Request
from ...store.mapped.packet import Decision
from ..chart.index import Row
from ..chart.match import Shelf
from ..record.kinds import CODE
from ..ruleset.rules import Selection
from .assess import Finding

# Of which types a record of a type may be the report, the panel or the successor.
_HELD = {
    "DiagnosticReport": ("Observation/", "DiagnosticReport/", "ImagingStudy/", "Specimen/"),
    "Observation": ("Observation/",),
    "DocumentReference": ("DocumentReference/",),
}

Selected = dict[str, tuple[str, str]]  # key → (rule, reason)


def select(
    rows: Mapping[str, Row],
    shelf: Shelf,
    request: Request,
    scope: str,
    findings: Sequence[Finding],
    selection: Selection,
    trends: Collection[str],
    released: Iterable[str] = (),
    there: Collection[str] = (),
) -> Selected:
    """The records that leave. `rows` and `shelf`: those that may travel, by key and by type.

    `released`: records that a person lets leave. `there`: Consents that stand at the destination:
    they are to say there what they are now. `trends`: kinds of which the whole series leaves.
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
        take([row.key for row in shelf.safety(safety)], safety.id, safety.reason)
    for finding in findings:
        rule = f"checklist-{finding.item.id}"
        for row in (*finding.rows, *finding.older):
            take([row.key], rule, f"{finding.item.title}{_known_by(row, finding)}")
    take(
        [row.key for row in shelf.rows() if shelf.about.includes(row)],
        "about-condition",
        "it is about the condition in question, or of its encounter",
    )
    _series(chosen, rows, trends, take)
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


def _known_by(row: Row, finding: Finding) -> str:
    """How a record is known to be what an item asks for, where it is not by a code."""
    types = {row.type, *(each.type for each in row.inside)}
    wanted = [name for match in finding.item.match if match.type in types for name in match.kind]
    known = row.known
    trusts = [known[name] for name in wanted if name in known]
    weaker = [trust for trust in trusts if trust != CODE]
    return f" (known by its {weaker[0]})" if weaker and len(weaker) == len(trusts) else ""


def _series(
    chosen: Selected,
    rows: Mapping[str, Row],
    trends: Collection[str],
    take: Callable[[Iterable[str], str, str], None],
) -> None:
    """All of a series of which one record leaves: of one kind, and of the same code or name."""

    def signs(row: Row) -> set[tuple[str, str]]:
        names = (row.title, *(code for code in row.codes if "|" in code.strip("|")))
        return {(kind, name) for kind in row.kinds if kind in trends for name in names}

    leaving = {sign for key in chosen for sign in signs(rows[key])}
    keys = [key for key, row in rows.items() if not leaving.isdisjoint(signs(row))]
    take(keys, "series", "one of a series that is read as a whole")


def _close(
    chosen: Selected, rows: Mapping[str, Row], take: Callable[[Iterable[str], str, str], None]
) -> None:
    """Add what the chosen refer to and what holds them, and Provenance, until nothing more comes.

    A report or panel says what its result is worth, and a later document what became of the one
    that it replaces: they come with it.

    A Provenance points at records, so nothing refers to it: it comes when one of its targets
    does. Its other targets do not come with it.
    """
    holders: dict[str, list[str]] = defaultdict(list)
    for row in rows.values():
        if held := _HELD.get(row.type):
            for key in row.refers:
                if key.startswith(held):
                    holders[key].append(row.key)
    provenances = [row for row in rows.values() if row.type == "Provenance"]
    closed: set[str] = set()
    while open_keys := [key for key in chosen if key not in closed]:
        for key in open_keys:
            closed.add(key)
            take(rows[key].refers, "referenced", "a record that leaves refers to it")
            take(holders[key], "holds", "it holds, explains or replaces a record that leaves")
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
