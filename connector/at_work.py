"""A case opened for work: its lock held, case file and ledger open, the end of the log shown."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from . import push
from .case_request import accept
from .endpoint import Endpoint
from .errors import ConnectorError, UsageError
from .instant import instant
from .job import Job
from .pull import types_of_chart
from .store.audit import anchor_file
from .store.audit.disclosures import Anchor
from .store.case.casefile import CaseFile
from .store.ledger.ledger import Ledger
from .store.lock import only_one

_log = logging.getLogger("connector.anchor")


@contextmanager
def at_work(job: Job, *, lost: bool = False) -> Iterator[push.Session]:
    """The case file and the ledger, with this process as the case's one writer.

    `lost`: its file may be missing though the ledger says how it ended.
    """
    with only_one(job.folder / "lock", "this case"), CaseFile.open(job.folder) as case:
        ledger = Ledger(job.config.ledger_url(), job.config.store.path / "ledger.key")
        before = _end_of_log(job, ledger)
        try:
            ids = str(job.source.id), str(job.destination.id)
            if not lost:
                _must_not_have_ended(job, case, ledger)
            request = accept(job, case)
            fence = ledger.take(job.handle, *ids, instant(job.request.due_at))
            case.take(fence)
            if job.file is not None:
                case.state.request_file = str(job.file.absolute())
            yield push.Session(
                case=case,
                ledger=ledger,
                handle=job.handle,
                fence=fence,
                opens=_opened_once(job),
                settings=job.destination,
                request=request,
                source=job.source,
                operator=job.config.operator(),
            )
        finally:
            if before is not None:
                _show(job, ledger, before)
            ledger.close()


def _must_not_have_ended(job: Job, case: CaseFile, ledger: Ledger) -> None:
    """`UsageError` if a case would begin anew only because its file is gone: what was taken back
    from a wrong team would be sent there again."""
    if case.state.request is None and (how := ledger.ended(job.handle)):
        raise UsageError(
            f"this case was {how}, and its case file is not there any more: nothing of it is sent",
            "Restore its folder from a backup, or take its request away. What is to be sent anew"
            " gets a new request_id; `connector recall REQUEST --receipt FILE` takes back what may"
            " still stand there.",
        )


def _opened_once(job: Job) -> Callable[[], Endpoint]:
    """Opens the destination when it is first asked for; whichever thread asks, it is the same."""
    lock, opened = Lock(), list[Endpoint]()

    def opens() -> Endpoint:
        with lock:
            if not opened:
                types = types_of_chart(job.mappings.never_types)
                opened.append(Endpoint(job.destination, "destination", types=types))
            return opened[0]

    return opens


def _end_of_log(job: Job, ledger: Ledger) -> Anchor | None:
    return ledger.disclosure_head() if job.config.audit.anchor is not None else None


def _show(job: Job, ledger: Ledger, before: Anchor) -> None:
    """Show the end of the log outside the store. What fails is told, and stops nothing."""
    where = job.config.audit.anchor
    assert where is not None
    try:
        wrong = anchor_file.keep(where, before, ledger.disclosure_head())
    except ConnectorError as error:
        wrong = str(error)
    if wrong:
        _log.warning("%s", wrong)
