"""`connector cancel CASE`."""

from pathlib import Path

import click

from .. import transfer, withdraw
from . import common


@click.command("cancel")
@click.argument("case")
@click.option("--by", default=None, help="Who decides (default: the user who runs this).")
@common.json_option
@click.pass_obj
def command(config: Path, case: str, by: str | None, as_json: bool) -> int:
    """Take a request back. The ServiceRequest becomes revoked; the Task cancelled, or, if the
    other team has taken it up, a second Task asks them to stop. The records stay there.

    The reason is read from standard input and stays in the case file. A cancelled case sends
    nothing more; to ask again, write a request with a new request_id.

    \b
    Example:
      echo "the patient withdrew" | connector cancel SO-2026-0001 --by "A. Person"
    """
    job = common.job_of(config, case)
    reason = common.reason()
    decision = withdraw.Decision("cancel", common.who(by), reason)
    return common.tell(transfer.take_back(job, decision), as_json)
