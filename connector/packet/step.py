"""The map step: from the chart in the case file to the packet in the case file.

Deterministic: the same chart, request, mappings and `as_of` give the same bytes. Two passes over
the chart: the first keeps a row per record, the second writes packet bodies as it reads.
"""

from itertools import chain
from typing import Literal

from ..progress import Progress, silent
from ..request import Request
from ..settings import Destination, Source
from ..store.case.casefile import CaseFile
from ..store.mapped.content import attached
from ..store.mapped.coverage import replace_coverage
from ..store.mapped.packet import replace_packet
from ..store.mapped.update import former_hashes, vanished
from ..store.pulled import chart
from ..store.sent import delivery
from ..store.status import since
from . import bodies
from .author.composition import sections
from .author.confidentiality import high_water
from .author.layout import lay_out
from .author.news import News, Revision
from .author.reading import reading
from .author.resources import Content, Writer
from .carry.coverage import Coverage, Named
from .carry.record import Carrier
from .carry.rules_in_force import changing
from .carry.subject_reference import subject_of
from .chart.duplicates import same_notes
from .checklist.advice import Amount, advise
from .checklist.independence import independence
from .leaving import Means, what_leaves
from .record.attachment import Attached
from .record.dates import instant
from .record.endpoint_secrets import Secrets
from .record.links import Links
from .release.authorization import statement
from .release.consent_reviews import consents_hash
from .release.decide import tell_unreadable
from .render.outline import Outline, outline
from .ruleset.mappings import Mappings

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
    means = Means(
        Links(case, source.base_url),
        Secrets.of(case, mappings.endpoints),
        changing(mappings, destination),
    )
    links, secrets, rules = means.links, means.secrets, means.rules
    made = what_leaves(
        case, request, source, destination, mappings, means, as_of=as_of, progress=progress
    )
    request, rows, leaving = made.request, made.rows, made.leaving
    patient = f"Patient/{case.state.source_patient}"
    delivered = delivery.id_map(case).keys()
    subject = subject_of(case, source, patient)
    carrier = Carrier(
        links,
        source.id,
        made.chosen,
        made.withheld,
        made.merged,
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
    laid = lay_out(leaving, request, mappings)
    letters = writer.letters(
        Content(
            subject=carrier.packet_id(patient),
            condition=carrier.packet_id(request.condition) if request.condition else None,
            hinge=[carrier.packet_id(key) for key in request.hinge],
            first_opinion=[carrier.packet_id(key) for key in request.first_opinion],
            missing=made.told.asks,
            separately=made.told.separately,
            sections=sections(
                laid,
                leaving,
                request,
                made.findings,
                made.supplied,
                made.told,
                carrier.packet_id,
                made.notices,
                destination.bundle.max_megabytes * 1_000_000,
            ),
            notices=made.notices,
            confidentiality=high_water(leaving, mappings.release),
        )
    )
    # Not the Patient: it may be the destination's own, of which we know nothing.
    carried = [carrier.packet_id(row.key) for row in leaving if row.key != patient]
    targets = [
        *(a.reference for a in actors), *carried, *(a.reference for a in letters),
        *(document.reference for document in made.supplied),
    ]  # fmt: skip
    provenances = list(writer.provenances(targets))

    coverage = Coverage()
    changers: list[Named] = [subject, *rules, secrets]
    passed_on = {
        key
        for key, decision in made.decided.items()
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
        bodies.carried(case, carrier, made.decided, passed_on, coverage, news, progress),
        map(bodies.entry, letters),
        bodies.brought(case, writer, made.supplied, news),
        map(bodies.entry, provenances),
        # What was changed is known when all that goes before is written.
        map(bodies.entry, writer.changes(coverage.changed_by(changers, carrier.packet_id))),
        bodies.update(writer, revision, news),
    )
    hinge = [rows[key] for key in request.hinge]
    status, amount = mappings.status, Amount.of(leaving)
    advice = advise(request, mappings.advice, hinge, made.findings, status, made.free, amount)
    with case.commit():
        tell_unreadable(case, made.barred)
        digest = replace_packet(
            case, made.decided.values(), [found.line() for found in made.findings], entries
        )
        replace_coverage(case, coverage.lines(), coverage.changed)
        case.state.consents_say = made.consents.said
        case.state.consents_hash = consents_hash(case)
        case.state.consent_reviews = {name: list(two) for name, two in made.consents.bound.items()}
        case.state.owner_entry = writer.owner_entry
        case.state.envelope = writer.envelope(digest)
        case.state.reading = reading(
            laid, leaving, request, made.findings, made.supplied, made.told, mappings,
            carrier.packet_id, made.notices, made.unknown, advice, instant(as_of),
        )  # fmt: skip
    return outline(
        digest,
        chart.count_records(case),
        list(made.decided.values()),
        made.findings,
        advice,
        independence(case, request, source, destination, links),
        made.sensitive,
        statement(request.basis, mappings),
        news.counts() if revision.number else {},
        made.unknown,
        made.people,
    )


def _attached(case: CaseFile, url: str) -> Attached | None:
    found = attached(case, url)
    return Attached(*found) if found else None
