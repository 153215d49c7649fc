"""`connector status`."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from ..config import load
from ..view import tables
from ..work.worklist import worklist
from . import common


@click.command("status")
@common.json_option
@click.pass_obj
def command(config: Path, as_json: bool) -> int:
    """List all cases, the nearest need first, and how late those are of which nothing was
    delivered. Always exits 0: `show` and `sync` tell of each.

    \b
    Example:
      connector status
    """
    now = datetime.now(UTC)
    rows = worklist(load(config), now)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return 0
    for line in tables.cases(rows, now):
        click.echo(line)
    return 0
