"""`connector status`."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from ..config import load
from ..request import due_at
from ..store.ledger import Ledger
from ..view import terminal
from . import common


@click.command("status")
@common.json_option
@click.pass_obj
def command(config_path: Path, as_json: bool) -> int:
    """List all cases, the nearest need first. Always exits 0: `show` and `sync` tell of each.

    \b
    Example:
      connector status
    """
    config = load(config_path)
    ledger = Ledger(config.ledger_url(), config.store.path / "ledger.key")
    try:
        rows = ledger.cases()
    finally:
        ledger.close()
    values = [
        {"case": r.handle, "needed_by": r.due, "state": r.state, "exit_code": r.exit_code}
        for r in rows
    ]
    if as_json:
        click.echo(json.dumps(values, indent=2))
        return 0
    for line in terminal.cases(
        ({**v, "due_at": due_at(str(v["needed_by"]))} for v in values), datetime.now(UTC)
    ):
        click.echo(line)
    return 0
