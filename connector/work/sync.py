"""Every request of a folder, the nearest need first: what a crontab line calls."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import packet, report, transfer
from ..config import Config
from ..errors import ConnectorError, Exit, UsageError, worst
from ..job import prepare
from ..progress import Progress
from ..request import Request, due_at
from ..store.lock import only_one
from .requests import SUFFIXES, read_request


@dataclass
class Summary:
    """What one run over a folder found. `lines`: one JSON-able value per request."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    codes: list[Exit] = field(default_factory=list)

    @property
    def exit_code(self) -> Exit:
        return worst(self.codes)


def sync(
    config: Config,
    folder: Path,
    mappings: packet.Mappings,
    progress: Progress,
    told: Callable[[dict[str, Any]], None],
    *,
    news: bool = False,
) -> Summary:
    """Advance every request in `folder`. One that is bad, held or failed never stops the others.

    `news`: of cases that were sent and whose need has not passed, tell also what is new since.

    The exit code is the worst that stands, but for cases that are past their need and did not
    change: a meeting that is over is history, and must not hide tomorrow's.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: not a folder", "Name the folder that holds the requests.")
    summary = Summary()
    with only_one(config.store.path / "sync.lock", "this store's requests"):
        requests, bad = _read(folder)
        for line in bad:
            summary.lines.append(line)
            summary.codes.append(Exit.USAGE)
            told(line)
        for name, request in requests:
            line, code = _one(config, name, request, mappings, progress, news)
            summary.lines.append(line)
            if code is not None:
                summary.codes.append(code)
            told(line)
    return summary


def _read(folder: Path) -> tuple[list[tuple[str, Request]], list[dict[str, Any]]]:
    """Readable requests by need, and a line for each file that is not one."""
    good: list[tuple[str, Request]] = []
    bad: list[dict[str, Any]] = []
    for path in sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and p.is_file()):
        try:
            good.append((path.name, read_request(path)))
        except UsageError as error:
            bad.append(_problem(path.name, error))
    good.sort(key=lambda pair: (due_at(pair[1].due), pair[1].request_id))
    return good, bad


def _one(
    config: Config,
    name: str,
    request: Request,
    mappings: packet.Mappings,
    progress: Progress,
    news: bool,
) -> tuple[dict[str, Any], Exit | None]:
    try:
        job = prepare(config, request, mappings, progress)
        before = report.last_known(job)
        over = due_at(request.due) < datetime.now(UTC)
        asked = news and not over and report.takes_updates(job)
        stands = transfer.advance(job, news=asked)
    except ConnectorError as error:
        return _problem(name, error), error.exit
    values = {"file": name, **stands.as_json()}
    unchanged = before == (stands.state, stands.counts)
    return values, None if over and unchanged else stands.exit_code


def _problem(name: str, error: ConnectorError) -> dict[str, Any]:
    return {
        "file": name,
        "error": str(error),
        "what_to_do": error.what_to_do,
        "exit_code": int(error.exit),
    }
