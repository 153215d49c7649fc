"""`connector pull REQUEST`."""

from pathlib import Path

import click

from .. import transfer
from . import common


@click.command("pull")
@click.argument("request")
@common.json_option
@common.progress_option
@click.pass_obj
def command(config: Path, request: str, as_json: bool, told: str) -> int:
    """Pull the chart of one request into its case file; what can't be had becomes a gap.

    REQUEST is a request file or the name of a case. A pull that was interrupted goes on; after
    a whole one, what changed is pulled and told, unless the packet began to leave.

    \b
    Example:
      connector pull request.yaml
    """
    return common.tell(transfer.pull_again(common.job_of(config, request, told)), as_json)
