"""`connector recall CASE`."""

import json
from pathlib import Path

import click

from .. import single, transfer, withdraw
from ..errors import UsageError
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
@click.option(
    "--record",
    "records",
    multiple=True,
    metavar="TYPE/ID",
    help="Take back this record only, by its name at the source. Repeat for several.",
)
@click.option(
    "--keep",
    is_flag=True,
    help="What would be withheld now may stay there: all of it, or each --record.",
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
    records: tuple[str, ...],
    keep: bool,
    dry_run: bool,
    as_json: bool,
    told: str,
) -> int:
    """Take back what was sent, after a wrong disclosure. The request is taken back first; then
    every resource of ours that nobody changed since is deleted, or emptied and marked
    entered-in-error where it can't go. What was changed there stays, and is listed.

    The reason is read from standard input and stays in the case file. Exits 5 while something is
    left there that the people there have to remove; run it again when they have.

    With --record the request and all other records stay: these go, or are emptied, and an update
    tells that so many records are withdrawn, not which or why. They are never sent again.

    \b
    Examples:
      connector recall SO-2026-0001 --dry-run
      echo "sent to the wrong team" | connector recall SO-2026-0001 --by "A. Person"
      echo "consent revoked" | connector recall SO-2026-0001 --record Condition/17 --by "A. Person"
      echo "the patient knows" | connector recall SO-2026-0001 --record Condition/17 --keep
      echo "wrong team" | connector recall request.yaml --receipt /mnt/archive/receipt.json
    """
    job = common.job_of(config, case, told)
    single_ones = bool(records) or keep
    if (single_ones and receipt) or (keep and dry_run):
        raise UsageError(
            "--record and --keep go without --receipt, --keep without --dry-run",
            "Leave one of them out.",
        )
    if dry_run:
        fates = (
            transfer.ruling_outlook(job, records)
            if records
            else transfer.recall_outlook(job, receipt)
        )
        if as_json:
            click.echo(json.dumps({"exit_code": 0, "resources": fates}, indent=2))
        else:
            for line in terminal.fates(fates):
                click.echo(line)
        return 0
    if single_ones:
        ruling = single.Ruling(records, keep, common.who(by), common.reason())
        return common.tell(transfer.rule(job, ruling), as_json)
    decision = withdraw.Decision("recall", common.who(by), common.reason())
    return common.tell(transfer.take_back(job, decision, receipt), as_json)
