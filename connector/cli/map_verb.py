"""`connector map REQUEST`."""

from pathlib import Path

import click

from .. import transfer
from ..case import State
from . import common


@click.command("map")
@click.argument("request")
@common.json_option
@click.pass_obj
def command(config: Path, request: str, as_json: bool) -> int:
    """Author the packet of one request from its chart (pulled first if need be). Nothing leaves.

    REQUEST is a request file or the name of a case.

    \b
    Example:
      connector map request.yaml && connector show request.yaml
    """
    stands = transfer.advance(common.job_of(config, request), State.READY)
    return common.tell(stands, as_json, doubts="all")
