"""Which records of a chart leave: read, withheld, held against the checklist, selected.

The first half of the map step. Everything is decided here, and nothing is written but what was
decided so far when a person has to decide on the rest.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..errors import Held
from ..fhir.ids import derived_id
from ..progress import Progress
from ..request import Request
from ..settings import Destination, Source
from ..store.case import gaps
from ..store.case.casefile import CaseFile
from ..store.mapped import answers as said
from ..store.mapped.packet import Decision, keep_undone
from ..store.mapped.rulings import rulings
from ..store.pulled import chart
from ..store.sent import delivery
from ..store.status import since
from . import bodies
from .author.confidentiality import notices_for
from .chart.about_condition import AboutCondition
from .chart.duplicates import merge, same_records
from .chart.index import Row, Unreadable, as_cut, body, read_rows
from .chart.inherited_labels import inherit, resolved
from .chart.match import Shelf
from .chart.medications import name_drugs
from .chart.minors import mark_minors
from .chart.patient import require_patient
from .checklist.answers import answers
from .checklist.assess import Finding, Known, assess
from .checklist.people import people
from .checklist.reported import Told, tell
from .checklist.select import Selected, decide, select
from .checklist.sent_separately import Places
from .checklist.supplied import Document, documents
from .checklist.unknown import groups, unknown, with_included
from .record.dates import instant
from .record.endpoint_secrets import Secrets
from .record.links import Links
from .record.sensitive_kinds import hold_sensitive
from .release.authorization import authorization
from .release.consents import Consents, gather
from .release.decide import Barrier
from .release.keys_in_documents import BY_TEXT, keyed
from .release.near_withheld import BY_LINK, near
from .release.redact import cut
from .release.requested import must_travel, named
from .release.sensitive import sensitive_kinds
from .release.withheld import Withheld
from .release.withhold import spread
from .ruleset.change import Rule
from .ruleset.mappings import Mappings
from .ruleset.release_rules import KEYED, NEAR, Notice


@dataclass(frozen=True)
class Means:
    """By what a chart is read: where its references lead, its secrets, the rules that change it."""

    links: Links
    secrets: Secrets
    rules: Sequence[Rule]


@dataclass(frozen=True)
class Leaving:
    """What was decided. `request`: with the records that it names by number.

    By key: all `rows`, the decisions on those `barred`, the `merged` with the one kept, the
    `chosen` with their rule, and all that was `decided`. `unknown`, `people`: see `Outline`.
    """

    request: Request
    rows: dict[str, Row]
    barred: dict[str, Decision]
    merged: Mapping[str, str]
    withheld: Withheld
    consents: Consents
    findings: list[Finding]
    told: Told
    supplied: list[Document]
    chosen: Selected
    decided: dict[str, Decision]
    notices: Sequence[Notice]
    sensitive: dict[str, Any]
    unknown: list[dict[str, Any]]
    people: list[str]

    @property
    def leaving(self) -> list[Row]:
        """The records that leave, in the order of the chart."""
        return [row for key, row in self.rows.items() if key in self.chosen]

    @property
    def free(self) -> list[Row]:
        """The records that may leave."""
        return [row for key, row in self.rows.items() if key not in self.barred]


def what_leaves(
    case: CaseFile,
    request: Request,
    source: Source,
    destination: Destination,
    mappings: Mappings,
    means: Means,
    *,
    as_of: str,
    progress: Progress,
) -> Leaving:
    """Decide on every record of a chart. Raises as `map_case`."""
    checklist = mappings.checklist(request.case_type, destination.programme)
    rules, links, secrets = means.rules, means.links, means.secrets
    patient = f"Patient/{case.state.source_patient}"
    at = instant(as_of)
    keep_undone(case, ())
    rows, unreadable = _read(case, links, mappings, rules, progress)
    require_patient(patient, rows)
    places = resolved(rows)
    inherited = inherit(rows, places)
    name_drugs(rows, mappings)
    about = AboutCondition.of(request.condition, rows)
    mark_minors(rows, patient, case, mappings, at)
    # A consent is judged when the packet is about to leave, the rest as the chart was read.
    judged_at = max(at, instant(case.state.consents_at or as_of))
    patient_id = patient.partition("/")[2]
    signed = authorization(case, request.basis, mappings, patient_id, judged_at)
    consents = gather(
        case, links, rows, unreadable, request, source, destination, mappings, signed.opens,
        judged_at,
    )  # fmt: skip
    barrier = Barrier(
        mappings, request, destination, patient_id, consents, signed, at,
        inherited, rulings(case),
    )  # fmt: skip
    every: list[Row | Unreadable] = [*rows.values(), *unreadable]
    barred = {row.key: decision for row in every if (decision := barrier.keeps(row))}
    barred |= {row.key: _taken_back(row) for row in every if row.key in since.taken_back(case)}
    same = same_records(case, links, rows)
    withheld = spread(case, links, rows, places, barred, barrier, same, mappings, request)
    with _held_with(case, barred):
        barrier.settle(request, barred)
    for key in sorted(withheld.concerns - barred.keys()):  # what is cut is in no line of ours
        resource = body(case, key)
        if resource and cut(resource, withheld):
            rows[key] = as_cut(rows[key], resource, rules, secrets)
    merged = merge(same, rows, barred, named(request))

    free = {key: row for key, row in rows.items() if key not in barred}
    request = with_included(request, case, free, mappings, secrets)
    # What is merged travels in the record that it is the same as.
    staying = [row for key, row in rows.items() if key in barred and key not in merged]
    shelf = Shelf.of(free.values(), at, about)
    of_no_kind = unknown(free.values(), mappings)
    supplied = documents(case, checklist, source.id, request.request_id)
    answered = answers(
        checklist, request, destination, mappings.selection, supplied, said.waivers(case)
    )
    known = Known(
        request,
        shelf,
        staying,
        gaps.of(case),
        mappings.status,
        answered,
        of_no_kind,
        mappings.kinds,
    )
    findings = assess(checklist, known)
    told = tell(findings, answered, Places(case, links, free, secrets).thing)
    scope = "checklist" if destination.accepts.scope == "checklist" else request.scope
    delivered = delivery.id_map(case).keys()
    there = [
        key
        for key, row in free.items()
        if row.type == "Consent"
        and f"Consent/{derived_id(source.id, *key.split('/'))}" in delivered
    ]
    chosen = select(
        free, shelf, request, scope, findings, mappings.selection, mappings.trends,
        barrier.released, there,
    )  # fmt: skip
    decided = decide(rows.values(), barred, chosen)
    must_travel(request, decided, decided)

    leaving = [row for key, row in rows.items() if key in chosen]
    notices = notices_for(leaving, mappings.release)
    for_a_person = [
        (NEAR, BY_LINK, near(leaving, rows, barred, mappings.selection.shared)),
        (KEYED, BY_TEXT, keyed(case, leaving, secrets)),
    ]
    sensitive = sensitive_kinds(leaving, for_a_person, mappings)
    with _held_with(case, decided):
        hold_sensitive(sensitive, mappings.heuristic, request, barrier.released)
    return Leaving(
        request=request,
        rows=rows,
        barred=barred,
        merged=merged,
        withheld=withheld,
        consents=consents,
        findings=findings,
        told=told,
        supplied=supplied,
        chosen=chosen,
        decided=decided,
        notices=notices,
        sensitive=sensitive,
        unknown=groups(case, of_no_kind, secrets, chosen),
        people=list(people(body(case, patient) or {}, rows.get(request.condition or ""), at)),
    )


def _taken_back(row: Row | Unreadable) -> Decision:
    # Not by `Barrier.withhold`: a person decided it of this very record.
    reason = "a person took it back from the destination"
    return Decision(row.type, row.id, "withheld", since.TAKEN_BACK, reason)


def _read(
    case: CaseFile, links: Links, mappings: Mappings, rules: Sequence[Rule], progress: Progress
) -> tuple[dict[str, Row], list[Unreadable]]:
    """First pass: the rows by key, and what can't be read."""
    total = chart.count_records(case)
    rows: dict[str, Row] = {}
    unreadable: list[Unreadable] = []
    for number, row in enumerate(read_rows(case, links, mappings, rules), 1):
        if isinstance(row, Row):
            rows[row.key] = row
        else:
            unreadable.append(row)
        if number % bodies.EVERY == 0 or number == total:
            progress("map", number, total)
    return rows, unreadable


@contextmanager
def _held_with(case: CaseFile, decided: Mapping[str, Decision]) -> Iterator[None]:
    """What was decided so far is kept for the person who has to decide on the rest."""
    try:
        yield
    except Held:
        keep_undone(case, decided.values())
        raise
