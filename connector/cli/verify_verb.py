"""`connector verify REQUEST`."""

from functools import partial
from pathlib import Path

import click

from .. import transfer
from . import common


@click.command("verify")
@click.argument("request")
@common.json_option
@click.pass_obj
def command(config: Path, request: str, as_json: bool) -> int:
    """Read every resource of an announced packet at the destination again and compare it.

    REQUEST is a request file or the name of a case. Writes nothing.

    \b
    Example:
      connector verify request.yaml || echo 'not as it was sent'
    """
    job = common.job_of(config, request)
    return common.tell(transfer.verify(job, partial(click.echo, err=True)), as_json)
