"""What the verbs share: reading the request or case named, printing how it stands, progress."""

import errno
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import click
from pydantic import ValidationError

from .. import packet
from ..config import Config, load, this_user
from ..errors import UsageError
from ..fhir.ids import case_handle
from ..job import REASON_MAX, Job, case_folder, prepare
from ..progress import Figures, Progress, silent
from ..request import Request
from ..store.case.casefile import CaseFile
from ..store.status.standing import Standing
from ..view import terminal
from ..view.outline import independence
from ..view.outline import outline as outline_lines
from ..work.requests import read_request
from .shown import REWIND

_IN_URLS = (
    'search_by = "get": identifiers, names and birth dates that are searched for stand in URLs'
)

BY_MAX = 200  # characters

Doubts = Literal["first", "all", "told"]
F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """`--json`: one JSON value on standard output instead of text."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def progress_option(function: F) -> F:
    """`--progress`: how a long run tells on standard error what it does."""
    return click.option(
        "--progress",
        "told",
        type=click.Choice(["auto", "json", "none"]),
        default="auto",
        help="A line on a terminal (auto), one JSON event a line, or nothing.",
    )(function)


def job_of(config_path: Path, name: str, told: str = "auto") -> Job:
    """The job for a request file, a case handle or a request_id."""
    config = load(config_path)
    file = Path(name) if _is_file(name) else None
    request = request_of(config, name)
    job = prepare(config, request, mappings_of(config), progress(told), file)
    if not (job.folder / "case.db").exists():  # once for each case
        ends = {"source": job.source, "destination": job.destination}
        for role, settings in ends.items():
            if settings.search_by == "get":
                click.echo(f"{role}: {_IN_URLS}", err=True)
    return job


def mappings_of(config: Config) -> packet.Mappings:
    """The mapping set: the packaged one, under --mappings or else `[mappings] folder`."""
    return packet.load(_named_set() or config.mappings.folder)


def mappings_folder(config_path: Path) -> Path | None:
    """The own folder that `mappings_of` would use, also where there is no configuration."""
    return _named_set() or (load(config_path).mappings.folder if config_path.exists() else None)


def _named_set() -> Path | None:
    named: Path | None = click.get_current_context().find_root().params["mappings"]
    return named


def request_of(config: Config, name: str) -> Request:
    """The request meant by a file name, a case handle (or its beginning) or a request_id."""
    if _is_file(name):
        return read_request(Path(name))
    folder = folder_of(config, name)
    with CaseFile.open(folder) as case:
        try:
            return Request.model_validate(case.state.request)
        except ValidationError:
            raise UsageError(
                "the request of this case, taken by an older program, is not one for this program",
                "Name the request file: what is wrong is said with its line.",
            ) from None


def folder_of(config: Config, name: str) -> Path:
    """The folder of a case that exists, by request file, handle, or request_id."""
    if _is_file(name):
        request = read_request(Path(name))
        handles = [case_handle(config.source(request.source).id, request.request_id)]
    else:
        handles = [case_handle(source.id, name) for source in config.sources.values()]
    folders = [case_folder(config, handle) for handle in handles]
    found = [folder for folder in folders if (folder / "case.db").exists()]
    if not found and len(name) >= 4 and name.isalnum():
        found = [path.parent for path in (config.store.path / "cases").glob(f"{name}*/case.db")]
    if len(found) != 1:
        raise UsageError(
            "no such request file or case" if not found else "several cases are called that",
            "Name a request file or a case: `connector status` lists them.",
        )
    return found[0]


def _is_file(name: str) -> bool:
    """Whether a file is called so. What is too long for a file's name may still be a case's."""
    try:
        return Path(name).is_file()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise


def who(by: str | None) -> str:
    """Who decides: as said by `--by`, else the user who runs this. `UsageError` if it is no name.

    It stands in the log of disclosures and in the receipt.
    """
    name = this_user() if by is None else by.strip()
    if not name or len(name) > BY_MAX or not name.isprintable():
        raise UsageError(
            f"--by: expected a name of one line, at most {BY_MAX} characters",
            "Name the person who decides, for example --by 'A. Person'.",
        )
    return name


def reason() -> str:
    """What a person writes on standard input, and a little more than is taken if it is too long."""
    if sys.stdin.isatty():
        click.echo("The reason, then Ctrl-D:", err=True)
    try:
        # Whatever the locale; too long is told, not cut.
        return sys.stdin.buffer.read(REASON_MAX * 4 + 4).decode()
    except UnicodeDecodeError:
        raise UsageError("the reason is not UTF-8 text", "Write it in plain text.") from None


def tell(stands: Standing, as_json: bool, *, doubts: Doubts = "first") -> int:
    """Print how a case stands: JSON, a page on a terminal, one line for cron. The exit code.

    `doubts`: of what speaks against two teams being two, the first, all, or none where it was told.
    """
    values = stands.as_json()
    if as_json:
        click.echo(json.dumps(values, indent=2))
    elif sys.stdout.isatty():
        tell_page(values)
    else:
        for line in independence(values) if doubts == "all" else ():
            click.echo(line)
        if doubts != "first":
            values["independence"] = []
        click.echo(terminal.brief(values))
    return int(stands.exit_code)


def tell_page(values: dict[str, Any]) -> None:
    """Print how a case stands, everything a person wants to see."""
    for line in terminal.standing(values, now=datetime.now(UTC)):
        click.echo(line)


def tell_outline(outline: dict[str, Any], stands: dict[str, Any]) -> None:
    """Print what would leave, to whom, under which rule, and the hash to approve."""
    for line in outline_lines(outline, stands, ids=sys.stdout.isatty()):
        click.echo(line)


def progress(told: str = "auto") -> Progress:
    """A line that rewrites itself on a terminal, nothing for cron; or events, if asked for."""
    if told == "json":
        return _event
    return _Line() if told == "auto" and sys.stderr.isatty() else silent


def _event(
    step: str, done: int, total: int | None, note: str = "", figures: Figures | None = None
) -> None:
    """One JSON object a line on standard error; `note` holds FHIR names and numbers only."""
    values = {"event": "progress", "step": step, "done": done, "total": total, "note": note}
    click.echo(json.dumps({**values, **(figures or {})}), err=True)


class _Line:
    """Progress on standard error, at most ten times a second."""

    def __init__(self) -> None:
        self._shown_at = 0.0

    def __call__(
        self,
        step: str,
        done: int,
        total: int | None,
        note: str = "",
        figures: Figures | None = None,
    ) -> None:
        finished = total is not None and done >= total
        if not finished and time.monotonic() - self._shown_at < 0.1:
            return
        self._shown_at = time.monotonic()
        amount = f"{done}" if total is None else f"{done} of {total}"
        come = (
            f" | {figures['resources']} resources, {float(figures['bytes']) / 1e6:.1f} MB,"
            f" slowest {figures['slowest']} {figures['slowest_s']} s"
            if figures and figures["pages"]
            else ""
        )
        click.echo(f"{REWIND}{step}: {amount} {note}{come}"[:110], nl=finished, err=True)
