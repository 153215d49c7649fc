"""Every request of a folder, the nearest need first: what a crontab line calls."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import packet, report, transfer
from ..config import Config
from ..errors import ConnectorError, Exit, UsageError, precedence, unforeseen, worst
from ..fhir.ids import case_handle
from ..instant import instant
from ..job import case_folder, prepare
from ..progress import Progress
from ..request import Request
from ..store.lock import only_one
from ..store.status.standing import Standing
from .left_over import left_over
from .requests import read_folder


@dataclass
class Summary:
    """What one run over a folder found. `lines`: one JSON-able value per request."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    codes: list[Exit] = field(default_factory=list)
    missed: bool = False  # of one at least, nothing was delivered when it was needed

    @property
    def exit_code(self) -> Exit:
        return worst(self.codes, precedence(missed=self.missed, many=True))


@dataclass(frozen=True)
class _Run:
    """One run: what each case needs of it, and where it tells."""

    config: Config
    mappings: packet.Mappings
    progress: Progress
    news: bool
    clock: Callable[[], datetime]
    told: Callable[[dict[str, Any], bool], None]
    summary: Summary

    def tell(
        self, line: dict[str, Any], code: Exit, *, counts: bool, missed: bool, changed: bool = False
    ) -> None:
        self.summary.lines.append(line)
        self.summary.codes += [code] if counts else []
        self.summary.missed |= missed
        self.told(line, changed)


def sync(
    config: Config,
    folder: Path,
    mappings: packet.Mappings,
    progress: Progress,
    told: Callable[[dict[str, Any], bool], None],
    *,
    news: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Summary:
    """Advance every request in `folder`. One that is bad, held or failed never stops the others.

    `news`: of cases that were sent and whose need has not passed, tell also what is new since.

    The exit code is the worst among the cases that are still needed: until the meeting is over or
    a person closed the case. One of which nothing was delivered never falls silent by itself, not
    even when its request file is taken away.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: not a folder", "Name the folder that holds the requests.")
    run = _Run(config, mappings, progress, news, clock, told, Summary())
    with only_one(config.store.path / "sync.lock", "this store's requests"):
        good, bad = read_folder(folder)
        for path, error in bad:
            line = {"file": path.name, **_problem(error)}
            run.tell(line, error.exit, counts=True, missed=False)
        files = defaultdict[str | None, list[str]](list)
        for path, request in good:
            files[_handle(config, request)].append(path.name)
        for path, request in good:
            handle = _handle(config, request)
            _one(run, path, request, handle, files[handle] if handle else [path.name])
        for file, stands in left_over(config, folder, set(filter(None, files)), clock()):
            code = stands.exit_code if stands.missed else Exit.USAGE
            known = _for_a_log(stands) if stands.missed else _orphan(stands)
            run.tell({"file": file, **known}, code, counts=True, missed=stands.missed)
    return run.summary


def _handle(config: Config, request: Request) -> str | None:
    source = config.sources.get(request.source)
    return case_handle(source.id, request.request_id) if source else None


def _one(run: _Run, path: Path, request: Request, handle: str | None, files: list[str]) -> None:
    """Advance one request and tell how its case stands. `files`: all that ask for this case."""
    before: Standing | None = None
    now = run.clock()
    try:
        if handle is not None:
            before = report.last_known(case_folder(run.config, handle), now)
        _only_one(files)
        job = prepare(run.config, request, run.mappings, run.progress, path, run.clock)
        asked = run.news and request.due_at >= now
        news = asked and report.takes_updates(job)
        stands = transfer.advance(job, news=news, look=asked)
    except ConnectorError as error:
        _failed(run, path, request, before, error)
    except Exception as error:  # noqa: BLE001 - one case never stops the others
        _failed(run, path, request, before, unforeseen(error))
    else:
        changed = before is None or (before.state, before.counts) != (stands.state, stands.counts)
        counts = stands.missed or changed or request.over_at >= now
        line = {"file": path.name, **_for_a_log(stands)}
        run.tell(line, stands.exit_code, counts=counts, missed=stands.missed, changed=changed)


def _only_one(files: list[str]) -> None:
    """`UsageError` if several files ask for one case: nobody knows which of them is meant."""
    if len(files) > 1:
        raise UsageError(
            f"request_id: the same in {' and '.join(files)}: none of them is worked on",
            "Keep one of the files, or give the other another request_id.",
        )


def _failed(
    run: _Run, path: Path, request: Request, before: Standing | None, error: ConnectorError
) -> None:
    """Tell why a request could not be worked on; and that its case is late, if it is."""
    now = run.clock()
    missed = before.missed if before is not None else now > request.due_at
    done = before is not None and not missed and (before.closed or request.over_at < now)
    late = [Exit.LATE] if missed else []
    code = worst([error.exit, *late], precedence(missed=missed, many=True))
    line = {"file": path.name, "request_id": request.request_id, **_problem(error)}
    meeting = request.meeting.start if request.meeting else None
    need = {"needed_by": request.due, "meeting": meeting, "due_at": instant(request.due_at)}
    line |= {"exit_code": int(code), "missed": missed, **need}
    run.tell(line, code, counts=not done, missed=missed)


def _orphan(stands: Standing) -> dict[str, Any]:
    """A case still to come whose request nobody makes any more: no run works on it."""
    need = {"needed_by": stands.needed_by, "meeting": stands.meeting, "due_at": stands.due_at}
    error = UsageError(
        f"case {stands.case}: nothing was delivered yet, and no request file asks for it any more",
        "Put the file back; or if nobody waits for it, a person says so: `connector close CASE`.",
    )
    return {"request_id": stands.request_id, **_problem(error), "missed": False, **need}


def _for_a_log(stands: Standing) -> dict[str, Any]:
    """How a case stands, without what names a record or a file: what cron prints is kept anywhere.

    What would be withheld is counted (`undecided`), of a gap type and kind stay.
    """
    values = stands.as_json()
    if (since := values["withheld_since"]) is not None:
        values["withheld_since"] = {**since, "records": [], "taken_back": []}
    values["gaps"] = [{**gap, "why": ""} for gap in values["gaps"]]
    return {**values, "held_by": [], "patient": None, "patient_chosen": None}


def _problem(error: ConnectorError) -> dict[str, Any]:
    return {
        "error": str(error),
        "what_to_do": error.what_to_do,
        "exit_code": int(error.exit),
    }
