"""`connector reconcile CASE`."""

import json
from collections import Counter
from pathlib import Path

import click

from .. import transfer
from . import common


@click.command("reconcile")
@click.argument("case")
@click.option(
    "--receipt",
    "receipts",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A receipt of this case kept elsewhere; may be given several times.",
)
@click.option(
    "--ours",
    is_flag=True,
    help="What can't be proved is ours as well: the people there said that they changed nothing.",
)
@common.json_option
@common.progress_option
@click.pass_obj
def command(
    config: Path, case: str, receipts: tuple[Path, ...], ours: bool, as_json: bool, told: str
) -> int:
    """Rebuild from the destination what this store does not know any more: the ledger or the whole
    store was restored from an older backup, or the case's folder is gone (CASE is the request file
    then). Reads what carries our tag there and notes what is ours: as the packet has it, as a
    receipt says, or written by nobody since it was made. Writes nothing there.

    Afterwards `connector transfer CASE` goes on: what is ours is brought up to date, what is not
    is never written over.

    \b
    Examples:
      connector reconcile request.yaml
      connector reconcile SO-2026-0001 --receipt /mnt/archive/receipt.json
    """
    job = common.job_of(config, case, told)
    stands, found = transfer.reconcile(job, receipts, said=ours)
    if as_json:
        values = {"resources": [one._asdict() for one in found], "exit_code": int(stands.exit_code)}
        click.echo(json.dumps(values, indent=2))
        return int(stands.exit_code)
    for proof, number in sorted(Counter(one.proof for one in found).items()):
        click.echo(f"{number} {f'ours: {proof}' if proof else 'not known to be ours'}")
    if not found:
        click.echo("nothing of this case stands there")
    if open_yet := sorted({one.place.partition("/")[0] for one in found if not one.proof}):
        click.echo(f"Not known to be ours: {', '.join(open_yet)}. Ask them; then --ours.")
    return common.tell(stands, as_json=False)
