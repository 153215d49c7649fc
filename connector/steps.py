"""The order of the steps: pull → map → release → push → read back → announce → receipt.

The only module that knows it. Every step leaves committed rows, so a case goes on from where its
rows say it is, whoever runs it and however the last run ended.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta

from . import consents_again, packet, push, revision, since, single, withdraw
from .case import ARRIVED, State
from .case_request import accept, updatable
from .channel import channel_of
from .endpoint import Endpoint
from .errors import Held, ReadBackDiffers, UsageError
from .fhir.lossless import encode
from .gap import MENDABLE
from .instant import instant
from .job import Job
from .ours import must_not_be_ours
from .pull import pull_chart, pull_files, types_of_chart
from .store.case import gaps, transitions
from .store.case.casefile import CaseFile
from .store.case.state import required
from .store.mapped import export, route, update
from .store.sent import delivery


def go_on(
    job: Job, session: push.Session, goal: State, *, news: bool = False, look: bool = True
) -> None:
    """Take a case from where it is to `goal`, or to what stops it (the errors say).

    `news`: ask the source what is new since a packet that was told, and tell that as well. `look`:
    of such a packet, ask at least what the consents say by now.
    """
    case = session.case
    if case.state.closed:
        return
    if case.state.withdrawal:
        if goal is State.VERIFIED:
            withdraw.go_on(job, session)
        return
    if update.told(case):
        single.go_on(job, session)
    if case.state.sending and not update.told(case):
        if goal is not State.VERIFIED:
            return
        consents_again.must_stand(job, session)
        _push(job, session)
        if session.request != job.request:  # it was edited meanwhile
            session = replace(session, request=accept(job, case))
    if update.told(case):
        if not (news or case.state.edited):
            _stand(job, session)
            if look and goal is not State.PULLED:
                since.look(job, case)
            return
        updatable(case)
    if update.told(case) or (news and update.opened(case)):
        revision.begin(job, case, pull=news)
    _pull(job, session)
    if goal is State.PULLED:
        return
    if case.state.status is State.HELD:
        consents_again.read_again(job, case)  # what held it may be another by now
    author(job, session)
    if update.told(case):
        _stand(job, session)  # nothing new
        single.go_on(job, session)
        since.look(job, case)
    elif goal is not State.READY and not _unapproved(case):
        _judge_consents_again(job, session)
        _settle_number(job, session)
        if not _unapproved(case):
            _push(job, session)


def _unapproved(case: CaseFile) -> bool:
    return case.state.status is State.UNAPPROVED


def _stand(job: Job, session: push.Session) -> None:
    """Read back what was told, if a run ended before the receipt, or if something differed."""
    if session.case.state.status not in ARRIVED:
        verify(job, session)


def _pull(job: Job, session: push.Session) -> None:
    case = session.case
    broken = any(gap.kind in MENDABLE and not gap.expected for gap in gaps.of(case))
    if case.state.pull_complete and not broken:
        if case.state.status is State.OPENED:
            transitions.enter(session.case, State.PULLED)  # a run ended just before this
        return
    if case.state.as_of is None:
        transitions.pull_as_of(case, instant(job.clock()))
    transitions.remap(case)
    with case.rebuildable():
        _gather(job, case)
    transitions.enter(session.case, State.PULLED)


def _gather(job: Job, case: CaseFile) -> None:
    """The chart, from the server or the files of the source."""
    never = job.mappings.never_types
    wanted = job.mappings.wanted_types(job.request.case_type, job.destination.programme)
    wanted |= {"Consent"}  # a source that has none to read is told: nobody knows what they say
    kept = {"never_types": never, "wanted_types": wanted}
    if job.source.files is not None:
        pull_files(case, job.request, job.source, **kept, progress=job.progress)
        return
    types = types_of_chart(never)
    endpoint = Endpoint(job.source, "source", job.source.page_bytes_max, types)
    files = job.mappings.files
    pull_chart(
        case, job.request, endpoint, job.source, **kept, mappings=files, progress=job.progress
    )


def author(job: Job, session: push.Session) -> None:
    """The map step: the packet as chart, request and mappings are now, and whether it may leave.

    An update of which nothing comes ends here: the case then stands as before.
    """
    case = session.case
    found = update.opened(case)
    unsettled = found is not None and not found["settled"]  # a run may have ended after mapping
    mapped = case.state.mapped_with == job.mappings.identity
    # An older program left no envelope.
    if not mapped or case.state.envelope is None or unsettled:
        if unsettled:
            _map(job, case)
            if not revision.settle(case):
                return
        _map(job, case)
    try:
        packet.must_be_sendable(case, session.kind)
    except UsageError:
        transitions.remap(case)  # what lacks may stand in the request or in the configuration
        raise
    now = job.clock()
    times = now - timedelta(days=job.destination.approval_days), now + timedelta(days=1)
    free = job.destination.release == "auto" or route.approved(case, *map(instant, times))
    transitions.enter(session.case, State.READY if free else State.UNAPPROVED)


def _judge_consents_again(job: Job, session: push.Session) -> None:
    """Read the consents once more, before the first byte: what they say now is what counts.

    A packet that is another by them is authored anew, and approved anew where a person approves.
    """
    consents_again.read_again(job, session.case)
    if session.case.state.mapped_with is None:
        author(job, session)


def _settle_number(job: Job, session: push.Session) -> None:
    """Number an update after those that were told there, also since this store's backup."""
    case = session.case
    while update.opened(case) and not case.state.sending and push.number_taken(session):
        transitions.renumber_update(case)
        author(job, session)


def _map(job: Job, case: CaseFile) -> None:
    if job.request.basis.document is not None:
        must_not_be_ours(job.config, job.request.basis.document, "basis.document")
    told_before = case.state.announced_at is not None
    try:
        outline = revision.make(job, case, job.progress)
    except Held as error:
        if told_before:
            since.held(job, case, error)
        raise
    if told_before:
        since.note(job, case)
    export.packet(case)
    told = {**asdict(outline), "withheld": [d._asdict() for d in outline.withheld]}
    transitions.mapped(case, job.mappings.identity, told)


def _push(job: Job, session: push.Session) -> None:
    case = session.case
    route.must_be_whole(case)
    with _receipt(job, session):
        channel = channel_of(job, session)
        if channel.asks_patient:
            push.resolve(session)
        channel.ready()
        with case.commit():
            transitions.leave(case, session.kind)
            update.drop_former(case, all_known=False)
        if not channel.settle():
            channel.put()
    revision.told(case)
    single.go_on(job, session)
    since.delivered(job, case)
    _arrived(case)


def _arrived(case: CaseFile) -> None:
    """Announced, and proved as far as the destination lets it be."""
    if case.state.status is State.SENDING:
        transitions.enter(case, State.DELIVERED)
    transitions.enter(
        case, State.ACCEPTED if delivery.deliveries(case, "accepted") else State.VERIFIED
    )


def verify(job: Job, session: push.Session) -> None:
    """Read everything that was announced once more, and write the receipt anew."""
    with _receipt(job, session):
        if session.can_verify:
            channel_of(job, session).verify()
    _arrived(session.case)


def check(job: Job, session: push.Session) -> None:
    """Read everything again, and what the consents say by now of what stands there."""
    since.look(job, session.case)
    verify(job, session)


@contextmanager
def _receipt(job: Job, session: push.Session) -> Iterator[None]:
    """What is read back inside goes into the log and the receipt, also when it differs.

    The key is read first: one that is missing must not stop the last step of a delivery.
    """
    key = push.signing_key(job.config.receipt)
    try:
        yield
    except ReadBackDiffers:
        _write_receipt(job, session, key)
        raise
    _write_receipt(job, session, key)


def _write_receipt(job: Job, session: push.Session, key: push.Signing | None) -> None:
    push.account(session)
    values = push.receipt(session, required(session.case.state.packet_hash), instant(job.clock()))
    proof = encode(values) + b"\n"
    export.receipt(session.case, proof, push.signed(proof, key) if key else None)
