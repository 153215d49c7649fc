"""The pull, in its order: who, what to ask, ask, follow references, Provenance, attachments."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from ..endpoint import Endpoint
from ..errors import EndpointError, Held, SourceFailed
from ..fhir import capability as capabilities
from ..fhir.about import SEVERAL_PEOPLE
from ..fhir.capability import Capability
from ..fhir.lossless import UndecodableError
from ..fhir.subject import person
from ..gap import MENDABLE, GapKind, Wanted
from ..mappingfiles import PACKAGED, MappingFiles
from ..progress import Progress, silent
from ..request import Request
from ..settings import Source
from ..store.case import gaps
from ..store.case.casefile import CaseFile
from ..store.case.state import required
from ..store.pulled import chart, earlier, query_plan
from ..store.pulled.chart import Record
from . import changed, delta
from .attachments import fetch, inline
from .bulk import delete, export
from .compartment import OWN_TYPES
from .context import Pull
from .gaps import Missing
from .granted import not_granted
from .patient import Found, check_brought, find_patient, links, read_again, stay_with
from .plan import plan, unsupported
from .records import Sieve
from .references import closure, denied_organizations, encounters, provenance
from .search import everything, queries
from .servers import known
from .workers import Workers

_CHANGES_MAX = 2  # times that a chart which changes all the time is followed
_STILL_THERE = (
    "the record asked for was merged into another, which was pulled instead; what is still filed"
    " under the old one was not asked for"
)


def pull_chart(
    case: CaseFile,
    request: Request,
    source: Endpoint,
    settings: Source,
    *,
    never_types: frozenset[str],
    wanted_types: frozenset[str],
    mappings: MappingFiles = PACKAGED,
    progress: Progress = silent,
) -> None:
    """Bring the chart of the request's patient, and the gaps, into the case file.

    Idempotent and resumable: goes on where it was stopped, asks again what failed, and returns at
    once when nothing is left to ask. Sets, in its state, `source_patient` and, at
    the end, `pull_complete`. Raises `Held` (which patient), `SourceFailed` (no R4 server, or one
    that gives nothing) or `Waiting`; what was pulled until then is kept.
    """
    if case.state.pull_complete and not any(gap.kind in MENDABLE for gap in gaps.of(case)):
        return
    if settings.pull == "bulk":
        export.not_too_early(case)
    with ThreadPoolExecutor(1) as beside:  # neither needs the other, and the server may be far
        finding = beside.submit(find_patient, source, request.patient)
        capability, began = _capability(source)
        try:
            found = finding.result()
        except (Held, SourceFailed):
            if not export.brings_patient(settings, request.patient, capability):
                raise
            found = Found(export.unread(request.patient), replaced=False, read=False)
    patient = found.record
    stay_with(case, patient.id)
    with closing(Workers(settings.connections)) as workers:
        pull = Pull(
            case=case,
            source=source,
            settings=settings,
            capability=capability,
            known=known(capability.software, settings.server, mappings, capability.publisher),
            patient_id=patient.id,
            never_types=never_types,
            wanted_types=wanted_types,
            ungranted=not_granted(source, sorted(capability.search.keys() & OWN_TYPES)),
            sieve=Sieve(
                source.base_url,
                patient.id,
                never_types | SEVERAL_PEOPLE,
                settings.record_bytes_max,
                person(patient.body, [source.base_url]),
            ),
            workers=workers,
            missing=Missing(),
            progress=progress,
        )
        _open(pull, found, began)
        _ask(pull)
        if found.read:
            _follow_changes(pull, patient)
        fetch.fetch_open(pull)
        denied_organizations.from_server(pull)
        closure.close(pull)
        _finish(pull, began)


def _capability(source: Endpoint) -> tuple[Capability, str]:
    """What the source says it can do, and its time when it said so."""
    what = "capability statement"
    try:
        answer = source.get("metadata", what)
        capability = capabilities.parse(answer.body)
    except EndpointError as error:
        raise SourceFailed(
            f"the source can't be used: {error}", error.what_to_do or "Run `connector doctor`."
        ) from None
    except UndecodableError:
        raise SourceFailed(
            "the source does not answer as a FHIR server: no CapabilityStatement",
            "Check base_url of the source.",
        ) from None
    if not capability.is_r4:
        raise SourceFailed(
            f"the source speaks FHIR {capability.fhir_version[:20] or 'of no stated version'}",
            "Only R4 (4.0.1) can be pulled: name the server's R4 base.",
        )
    return capability, changed.moment(answer)


def _open(pull: Pull, found: Found, began: str) -> None:
    """Make the plan, or take it up again with what failed or was missing open once more."""
    case = pull.case
    planned = plan(
        pull.capability,
        pull.patient_id,
        pull.settings,
        pull.unasked,
        pull.wanted_types,
        pull.known,
    )
    since = case.state.pulled_before
    fresh = not query_plan.queries(case)
    again = fresh and since is not None
    if fresh and since is not None:
        planned = delta.narrowed(pull, since, planned)
    with case.commit():
        case.state.pull_complete = None
        if fresh or case.state.pull_began is None:
            case.state.pull_began = began
        if again:
            earlier.keep_only(case, (query.key for query in planned if delta.is_narrowed(query)))
        case.state.source_patient = found.record.id
        # The gaps are about to be told anew. One on pages that are already stored would not be
        # found again, so that query starts over.
        told = {wanted for gap in gaps.of(case) for wanted in gap.wanted}
        for query in query_plan.queries(case, "open"):
            if Wanted.of_query(query.key) in told:
                query_plan.fail_query(case, query.key)
        query_plan.reopen_failed(case)
        if found.read:
            chart.put_record(case, found.record, "Patient")
        query_plan.add_queries(case, planned)
        for name in pull.ungranted.keys() - pull.never_types:
            pull.gap(Wanted(name), GapKind.REFUSED, pull.ungranted[name])
        cannot = unsupported(pull.capability, pull.unasked, pull.wanted_types, pull.known)
        for name, why in cannot.items():
            pull.gap(Wanted.of_query(name), GapKind.UNSUPPORTED, why)
        if found.replaced:
            pull.gap(Wanted("Patient"), GapKind.NOT_ASKED, _STILL_THERE)


def _ask(pull: Pull) -> None:
    if pull.settings.pull == "bulk":
        export.export(pull)
        check_brought(chart.record(pull.case, "Patient", pull.patient_id))
    queries.ask_open(pull)
    delta.ask_whole_where_records_differ(pull)
    queries.ask_open(pull)
    everything.fill(pull)
    _check_not_refused(pull)
    closure.close(pull)
    # What a Provenance refers to may bring records that have a Provenance of their own.
    while provenance.add_queries(pull):
        queries.ask_open(pull)
        closure.close(pull)
    encounters.look_up(pull)
    encounters.drop(pull)


def _follow_changes(pull: Pull, before: Record) -> None:
    """Ask again for what changed since the pull began, which may be a run before this one."""
    for _ in range(_CHANGES_MAX):
        if not changed.ask_again(pull, required(pull.case.state.pull_began)):
            break
        _ask(pull)
    _look_again(pull, before)


def _look_again(pull: Pull, before: Record) -> None:
    """Read the patient once more: who was merged, or got another's records, meanwhile?

    Another record merged into this one brings its records here, behind queries already done: all
    are asked once more.
    """
    after = read_again(pull.source, pull.patient_id)
    if after.sha256 == before.sha256:
        return
    moved = links(after) != links(before)
    with pull.case.commit():
        chart.put_record(pull.case, after, "Patient")
        if moved:
            for query in query_plan.queries(pull.case, "done"):
                if query.pages:
                    query_plan.restart_query(pull.case, query.key)
            delete.forget(pull.case)
    _ask(pull)


def _check_not_refused(pull: Pull) -> None:
    """A source that answers no search at all gives no chart: that is not a chart with gaps."""
    asked = query_plan.queries(pull.case)
    if pull.settings.pull != "bulk" and asked and all(query.pages == 0 for query in asked):
        reasons = sorted({g.why for g in gaps.of(pull.case) if g.kind is not GapKind.UNSUPPORTED})
        raise SourceFailed(
            f"the source refuses or breaks every search: {reasons[0]}",
            "Check what this client may read there (its scopes or its role)."
            if any(f"HTTP {status}" in reasons[0] for status in (401, 403))
            else "Ask the people who run the source what its searches demand.",
        )


def _finish(pull: Pull, began: str) -> None:
    closure.forget_unreached(pull)
    inline.tell(pull)
    with pull.case.commit():
        pull.missing.report(pull.case, pull.settings.expected_gaps)
        earlier.compare_with_earlier(pull.case)
        pull.case.state.pull_began = began
        pull.case.state.pull_complete = True
    pull.tell("done")
