"""`connector close CASE`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from ..config import load
from ..work.close import close, reopen
from . import common


@click.command("close")
@click.argument("case")
@click.option("--by", default=None, help="Who decides (default: the user who runs this).")
@click.option("--undo", is_flag=True, help="Take it up again.")
@common.json_option
@click.pass_obj
def command(config: Path, case: str, by: str | None, undo: bool, as_json: bool) -> int:
    """Say that nobody waits for a case any more: the meeting is over, or was called off. It counts
    no more for `sync`, and nothing of it is sent any more. What stands at the destination stays:
    to take that back, `cancel` or `recall` it.

    A case of which nothing was delivered when it was needed is told by every run until somebody
    closes it. The reason is read from standard input and stays in the case file.

    \b
    Examples:
      echo "met without the records" | connector close SO-2026-0001 --by "A. Person"
      connector close SO-2026-0001 --undo
    """
    settings = load(config)
    folder = common.folder_of(settings, case)
    if undo:
        return common.tell(reopen(settings, folder, datetime.now(UTC)), as_json)
    name, reason = common.who(by), common.reason()
    return common.tell(close(settings, folder, name, reason, datetime.now(UTC)), as_json)
