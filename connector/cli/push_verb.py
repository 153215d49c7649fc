"""`connector push REQUEST`."""

from pathlib import Path

import click

from .. import transfer
from . import common


@click.command("push")
@click.argument("request")
@common.json_option
@click.pass_obj
def command(config: Path, request: str, as_json: bool) -> int:
    """Send the packet of one request, read it back, announce it. Steps not yet done are done first.

    REQUEST is a request file or the name of a case.

    \b
    Example:
      connector push request.yaml
    """
    return common.tell(transfer.advance(common.job_of(config, request)), as_json)
