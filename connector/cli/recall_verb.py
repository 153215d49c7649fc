"""`connector recall CASE`."""

import json
from pathlib import Path

import click

from .. import transfer, withdraw
from ..view import terminal
from . import common


@click.command("recall")
@click.argument("case")
@click.option("--by", default=None, help="Who decides (default: the user who runs this).")
@click.option(
    "--receipt",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="The receipt to work from, where the case file was lost. CASE is the request file then.",
)
@click.option("--dry-run", is_flag=True, help="List what would become of each resource; no more.")
@common.json_option
@common.progress_option
@click.pass_obj
def command(
    config: Path,
    case: str,
    by: str | None,
    receipt: Path | None,
    dry_run: bool,
    as_json: bool,
    told: str,
) -> int:
    """Take back what was sent, after a wrong disclosure. The request is taken back first; then
    every resource of ours that nobody changed since is deleted, or emptied and marked
    entered-in-error where it can't go. What was changed there stays, and is listed.

    The reason is read from standard input and stays in the case file. Exits 5 while something is
    left there that the people there have to remove; run it again when they have.

    \b
    Examples:
      connector recall SO-2026-0001 --dry-run
      echo "sent to the wrong team" | connector recall SO-2026-0001 --by "A. Person"
      echo "wrong team" | connector recall request.yaml --receipt /mnt/archive/receipt.json
    """
    job = common.job_of(config, case, told)
    if dry_run:
        fates = transfer.recall_outlook(job, receipt)
        if as_json:
            click.echo(json.dumps({"exit_code": 0, "resources": fates}, indent=2))
        else:
            for line in terminal.fates(fates):
                click.echo(line)
        return 0
    decision = withdraw.Decision("recall", common.who(by), common.reason())
    return common.tell(transfer.take_back(job, decision, receipt), as_json)
