"""`connector show CASE`."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from ..config import load
from ..store.case.casefile import CaseFile
from ..store.status.standing import standing
from ..view.outline import before_approval
from . import common


@click.command("show")
@click.argument("case")
@common.json_option
@click.pass_obj
def command(config: Path, case: str, as_json: bool) -> int:
    """Say how one case stands: what arrived, what is missing and whom to ask, what stops it.

    CASE is the name of a case, a request_id or a request file. Asks no server.

    \b
    Examples:
      connector show SO-2026-0001
      connector show request.yaml --json
    """
    with CaseFile.open(common.folder_of(load(config), case)) as file:
        stands = standing(file, datetime.now(UTC))
        told = file.state.outline or {}
    seen = {name: told.get(name, []) for name in ("people", "unknown")}
    if as_json:
        click.echo(json.dumps({**stands.as_json(), **seen}, indent=2))
    else:
        common.tell_page(stands.as_json())
        for line in before_approval(seen):
            click.echo(line)
    return int(stands.exit_code)
