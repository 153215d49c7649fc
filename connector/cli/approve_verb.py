"""`connector approve CASE`."""

from pathlib import Path

import click

from .. import transfer
from . import common


@click.command("approve")
@click.argument("case")
@click.option("--hash", "digest", required=True, help="The hash that the dry run showed.")
@click.option("--by", default=None, help="Who approves (default: the user who runs this).")
@common.json_option
@click.pass_obj
def command(config: Path, case: str, digest: str, by: str | None, as_json: bool) -> int:
    """Approve the packet with the hash that `transfer --dry-run` showed. If the packet changes
    afterwards, it has to be approved again.

    \b
    Example:
      connector transfer request.yaml --dry-run
      connector approve request.yaml --hash 3b0c…
      connector transfer request.yaml
    """
    job = common.job_of(config, case)
    digest = digest.strip().lower()  # as it was copied, or read from paper
    return common.tell(transfer.approve(job, digest, common.who(by)), as_json, doubts="all")
