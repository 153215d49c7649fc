"""The map step: from the chart in the case file to the packet in the case file.

Deterministic: the same chart, request, mappings and `as_of` give the same bytes. Two passes over
the chart: the first keeps a row per record, the second writes packet bodies as it reads.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from typing import Literal

from ..errors import Held, SourceFailed
from ..fhir.ids import derived_id
from ..progress import Progress, silent
from ..request import Request
from ..settings import Destination, Source
from ..store.case import gaps
from ..store.case.casefile import CaseFile
from ..store.mapped import answers as said
from ..store.mapped.content import attached
from ..store.mapped.coverage import replace_coverage
from ..store.mapped.packet import Decision, keep_undone, replace_packet
from ..store.mapped.rulings import rulings
from ..store.mapped.update import former_hashes, vanished
from ..store.pulled import chart
from ..store.sent import delivery
from ..store.status import since
from . import bodies
from .author.composition import sections
from .author.confidentiality import high_water, notices_for
from .author.news import News, Revision
from .author.resources import Content, Writer
from .carry.coverage import Coverage, Named
from .carry.record import Carrier
from .carry.rules_in_force import changing
from .carry.subject_reference import subject_of
from .chart.about_condition import AboutCondition
from .chart.duplicates import merge, same_notes, same_records
from .chart.index import Row, Unreadable, as_cut, body, read_rows
from .chart.inherited_labels import inherit, resolved
from .chart.match import Shelf
from .chart.medications import name_drugs
from .chart.minors import mark_minors
from .checklist.advice import Amount, advise
from .checklist.answers import answers
from .checklist.assess import Known, assess
from .checklist.independence import independence
from .checklist.people import people
from .checklist.reported import tell
from .checklist.select import decide, select
from .checklist.sent_separately import Places
from .checklist.supplied import documents
from .checklist.unknown import groups, unknown, with_included
from .record.attachment import Attached
from .record.dates import interval
from .record.endpoint_secrets import Secrets
from .record.links import Links
from .record.sensitive_kinds import hold_sensitive
from .release.authorization import authorization, statement
from .release.consent_reviews import consents_hash
from .release.consents import gather
from .release.decide import Barrier, tell_unreadable
from .release.keys_in_documents import BY_TEXT, keyed
from .release.near_withheld import BY_LINK, near
from .release.redact import cut
from .release.requested import must_travel, named
from .release.sensitive import sensitive_kinds
from .release.withhold import spread
from .render.outline import Outline, outline
from .ruleset.change import Rule
from .ruleset.mappings import Mappings
from .ruleset.release_rules import KEYED, NEAR

_FIRST = Revision()


def map_case(
    case: CaseFile,
    request: Request,
    source: Source,
    destination: Destination,
    mappings: Mappings,
    *,
    as_of: str,
    asked_at: str = "",
    environment: Literal["test", "production"],
    revision: Revision = _FIRST,
    progress: Progress = silent,
) -> Outline:
    """Make the packet of a pulled case and put it in place of the one before.

    `as_of`: the case's one clock, a FHIR instant. `asked_at`: what it was in the first packet;
    empty: this is the first. Sets in the state: `packet_hash` and `owner_entry`
    (the reference that stands for the destination's own Organization, or None) and `envelope` (what
    a Bundle of the packet has around its entries).

    Raises `Held` when a person has to decide (a withheld allergy or active medication, say),
    `UsageError` when the request names a record that isn't there or can't travel, or an unknown
    `case_type`, and `SourceFailed` when the chart has no Patient.
    """
    checklist = mappings.checklist(request.case_type, destination.programme)
    rules = changing(mappings, destination)
    links = Links(case, source.base_url)
    secrets = Secrets.of(case, mappings.endpoints)
    patient = f"Patient/{case.state.source_patient}"
    keep_undone(case, ())
    rows, unreadable = _read(case, links, mappings, rules, progress)
    _has_patient(patient, rows)
    places = resolved(rows)
    inherited = inherit(rows, places)
    name_drugs(rows, mappings)
    about = AboutCondition.of(request.condition, rows)
    mark_minors(rows, patient, case, mappings, _instant(as_of))
    # A consent is judged when the packet is about to leave, the rest as the chart was read.
    judged_at = max(_instant(as_of), _instant(case.state.consents_at or as_of))
    patient_id = patient.partition("/")[2]
    signed = authorization(case, request.basis, mappings, patient_id, judged_at)
    consents = gather(
        case, links, rows, unreadable, request, source, destination, mappings, signed.opens,
        judged_at,
    )  # fmt: skip
    barrier = Barrier(
        mappings, request, destination, patient_id, consents, signed, _instant(as_of),
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
    request = with_included(request, case, free, mappings.status)
    # What is merged travels in the record that it is the same as.
    staying = [row for key, row in rows.items() if key in barred and key not in merged]
    shelf = Shelf.of(free.values(), _instant(as_of), about)
    of_no_kind = unknown(free.values(), mappings.status)
    supplied = documents(case, checklist, source.id, request.request_id)
    answered = answers(
        checklist, request, destination, mappings.selection, supplied, said.waivers(case)
    )
    known = Known(request, shelf, staying, gaps.of(case), mappings.status, answered, of_no_kind)
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
    subject = subject_of(case, source, patient)
    carrier = Carrier(
        links,
        source.id,
        chosen,
        withheld,
        merged,
        same_notes(leaving),
        lambda url: _attached(case, url),
        rules,
        secrets,
        subject,
    )
    writer = Writer(
        request, source, destination, mappings, as_of, asked_at or as_of, environment, revision
    )
    actors = writer.actors()
    letters = writer.letters(
        Content(
            subject=carrier.packet_id(patient),
            condition=carrier.packet_id(request.condition) if request.condition else None,
            hinge=[carrier.packet_id(key) for key in request.hinge],
            first_opinion=[carrier.packet_id(key) for key in request.first_opinion],
            missing=told.asks,
            separately=told.separately,
            sections=sections(
                leaving, request, findings, supplied, told, mappings, carrier.packet_id, notices
            ),
            notices=notices,
            confidentiality=high_water(leaving, mappings.release),
        )
    )
    # Not the Patient: it may be the destination's own, of which we know nothing.
    carried = [carrier.packet_id(row.key) for row in leaving if row.key != patient]
    targets = [
        *(a.reference for a in actors), *carried, *(a.reference for a in letters),
        *(document.reference for document in supplied),
    ]  # fmt: skip
    provenances = list(writer.provenances(targets))

    coverage = Coverage()
    changers: list[Named] = [subject, *rules, secrets]
    passed_on = {
        key
        for key, decision in decided.items()
        if decision.outcome == "entered-in-error" and carrier.packet_id(key) in delivered
    }
    hushed = {carrier.packet_id(key) for key in since.ever(case)}
    news = News(
        former_hashes(case),
        gone=[key for key in vanished(case) if key not in hushed],
        taken_back=since.taken_back_in(case, revision.number),
    )
    entries = chain(
        map(bodies.entry, actors),
        bodies.carried(case, carrier, decided, passed_on, coverage, news, progress),
        map(bodies.entry, letters),
        bodies.brought(case, writer, supplied, news),
        map(bodies.entry, provenances),
        # What was changed is known when all that goes before is written.
        map(bodies.entry, writer.changes(coverage.changed_by(changers, carrier.packet_id))),
        bodies.update(writer, revision, news),
    )
    with case.commit():
        tell_unreadable(case, barred)
        digest = replace_packet(
            case, decided.values(), [finding.line() for finding in findings], entries
        )
        replace_coverage(case, coverage.lines(), coverage.changed)
        case.state.consents_say = consents.said
        case.state.consents_hash = consents_hash(case)
        case.state.consent_reviews = {name: list(two) for name, two in consents.bound.items()}
        case.state.owner_entry = writer.owner_entry
        case.state.envelope = writer.envelope(digest)
    hinge = [rows[key] for key in request.hinge]
    status, amount = mappings.status, Amount.of(leaving)
    return outline(
        digest,
        chart.count_records(case),
        list(decided.values()),
        findings,
        advise(request, mappings.advice, hinge, findings, status, free.values(), amount),
        independence(case, request, source, destination, links),
        sensitive,
        statement(request.basis, mappings),
        news.counts() if revision.number else {},
        groups(case, of_no_kind, chosen),
        list(people(body(case, patient) or {}, rows.get(request.condition or ""), _instant(as_of))),
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


def _has_patient(patient: str, rows: dict[str, Row]) -> None:
    if patient not in rows:
        raise SourceFailed("the chart has no Patient record", "Pull the case again.")
    if rows[patient].error:
        raise Held(
            "patient-entered-in-error",
            "the source says that the patient's record was entered in error",
            "Ask the source which record is the right one, and correct the request.",
        )


@contextmanager
def _held_with(case: CaseFile, decided: Mapping[str, Decision]) -> Iterator[None]:
    """What was decided so far is kept for the person who has to decide on the rest."""
    try:
        yield
    except Held:
        keep_undone(case, decided.values())
        raise


def _attached(case: CaseFile, url: str) -> Attached | None:
    found = attached(case, url)
    return Attached(*found) if found else None


def _instant(as_of: str) -> datetime:
    found = interval(as_of)
    assert found is not None, "as_of is a FHIR instant"
    return found[1]
