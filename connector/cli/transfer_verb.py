"""`connector transfer REQUEST`."""

import json
from pathlib import Path

import click

from .. import report, transfer
from ..case import State
from . import common


@click.command("transfer")
@click.argument("request")
@click.option(
    "--dry-run", is_flag=True, help="Pull and author; send nothing; show what would leave."
)
@click.option(
    "--update", "news", is_flag=True, help="Ask the source what is new since, and send that too."
)
@common.json_option
@common.progress_option
@click.pass_obj
def command(config: Path, request: str, dry_run: bool, news: bool, as_json: bool, told: str) -> int:
    """Bring one second opinion's records to the outside team, or go on where the last run ended.

    REQUEST is a request file (YAML or JSON) or the name of a case.

    \b
    Examples:
      connector transfer request.yaml --dry-run    what would leave, to whom, under which rule
      connector transfer request.yaml              pull, map, push, read back, announce
      connector transfer request.yaml --json       the same, for a program
      connector transfer request.yaml --update     what is new since it was sent, too

    Running it again is safe: what was done is not done twice. An edited request is an update.
    """
    job = common.job_of(config, request, told)
    stands = transfer.advance(job, State.READY if dry_run else State.VERIFIED, news=news)
    if not dry_run:
        return common.tell(stands, as_json)
    outline = report.outline(job)
    if as_json:
        click.echo(json.dumps({**stands.as_json(), "outline": outline}, indent=2))
        return int(stands.exit_code)
    if outline is not None:
        common.tell_outline(outline, stands.as_json())
    return common.tell(stands, as_json=False, doubts="told" if outline else "first")
