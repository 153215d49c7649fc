"""`connector resolve CASE`."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import UsageError
from ..job import Job
from ..store.status.standing import Standing
from ..view.patients import title
from ..work import resolve
from . import common


@click.command("resolve")
@click.argument("case")
@click.option(
    "--choose",
    "source",
    metavar="-",
    default=None,
    help="Read the choice from standard input: a Patient's id, `new`, or a word shown.",
)
@click.option("--by", default=None, help="Who decides (default: the user who runs this).")
@click.option("--show", is_flag=True, help="Show the values too, side by side, on this terminal.")
@common.json_option
@click.pass_obj
def command(
    config: Path, case: str, source: str | None, by: str | None, show: bool, as_json: bool
) -> int:
    """Say which record at the destination is the patient's, when the case is held over it.

    Lists everybody there who may be the patient, and in which elements each differs; the values
    stand side by side in a private file of the case. On a terminal it asks for the choice. Who
    decided, when, and what differed is recorded; the next transfer goes on with that record.

    A case held because nobody knows whether its packet arrived is told what the people there say:
    `arrived`, or `absent`, which sends it again. One held because records of ours stand there more
    than once is told `remove` (the copies that nobody changed) or `keep`.

    \b
    Examples:
      connector resolve request.yaml                     look, and choose on the terminal
      connector resolve request.yaml --show              the same, with the values
      echo 1042 | connector resolve SO-2026-0001 --choose - --by "A. Person"
      echo arrived | connector resolve SO-2026-0001 --choose - --by "A. Person"
    """
    job = common.job_of(config, case)
    if source is not None:
        if source != "-":
            raise UsageError(
                "--choose: the choice is read from standard input",
                "Write `--choose -`: a patient's id does not belong in a command line.",
            )
        return _chosen(job, sys.stdin.readline(), by, as_json)
    if doubt := resolve.doubted(job):
        return _told(*doubt, as_json)
    if show and not sys.stdout.isatty():
        raise UsageError("--show: only on a terminal", f"Read {resolve.FILE} in the case's folder.")
    rows, stands = resolve.look(job)
    path = job.folder / resolve.FILE
    if as_json:
        told = [{name: value for name, value in row.items() if name != "seen"} for row in rows]
        values = {"candidates": told, "file": str(path), "exit_code": int(stands.exit_code)}
        click.echo(json.dumps(values, indent=2))
        return int(stands.exit_code)
    titles = [line for number, row in enumerate(rows, 1) for line in title(number, row)]
    shown = path.read_text(encoding="utf-8").splitlines() if show else titles or [resolve.NOBODY]
    for line in shown:
        click.echo(line)
    click.echo(f"Side by side, with the values: {path}")
    answer = _asked(rows) if rows and sys.stdin.isatty() and sys.stdout.isatty() else ""
    return _chosen(job, answer, by, as_json) if answer else int(stands.exit_code)


def _told(question: str, choices: tuple[str, ...], stands: Standing, as_json: bool) -> int:
    """What nobody knows, and what can be said about it."""
    if as_json:
        values = {"question": question, "choices": list(choices)}
        click.echo(json.dumps({**values, "exit_code": int(stands.exit_code)}, indent=2))
    else:
        words = " or ".join(f"`{choice}`" for choice in choices)
        click.echo(f"{question}. Say {words} with --choose -.")
    return int(stands.exit_code)


def _asked(rows: list[dict[str, Any]]) -> str:
    """What the person at the terminal chooses; nothing: to leave it."""
    answer = click.prompt(
        "Which number is the patient (Enter: none)", default="", show_default=False
    )
    if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(rows):
        return str(rows[int(answer) - 1]["patient"])
    if answer:
        raise UsageError("that is none of the numbers", "Run the same command again.")
    return ""


def _chosen(job: Job, text: str, by: str | None, as_json: bool) -> int:
    return common.tell(resolve.choose(job, text.strip(), common.who(by)), as_json)
