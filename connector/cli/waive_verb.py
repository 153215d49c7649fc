"""`connector waive CASE`."""

import json
from pathlib import Path

import click

from .. import amend
from ..config import load
from ..errors import UsageError
from ..store.case.casefile import CaseFile
from ..store.mapped import answers
from . import common


@click.command("waive")
@click.argument("case")
@click.argument("item", required=False)
@click.option("--by", default=None, help="Who decides (default: the user who runs this).")
@click.option("--undo", is_flag=True, help="Wait for the item again.")
@click.option("--list", "listed", is_flag=True, help="Show what is waived, by whom and why.")
@common.json_option
@click.pass_obj
def command(
    config: Path,
    case: str,
    item: str | None,
    by: str | None,
    undo: bool,
    listed: bool,
    as_json: bool,
) -> int:
    """Do without an item of the checklist: it no longer counts as missing. The reason is read from
    standard input and stays in the case file; the receiving team reads that the item is left out,
    not why. After delivery it is an update.

    \b
    Examples:
      echo "the laboratory closed in 2019" | connector waive request.yaml labs --by "A. Person"
      connector waive request.yaml labs --undo
      connector waive request.yaml --list
    """
    if (item is None) != listed:
        raise UsageError("expected ITEM, or --list", "See `connector waive -h`.")
    if item is None:
        return _list(config, case, as_json)
    job = common.job_of(config, case)
    if undo:
        return common.tell(amend.unwaive(job, item), as_json)
    return common.tell(amend.waive(job, item, common.who(by), common.reason()), as_json)


def _list(config: Path, case: str, as_json: bool) -> int:
    with CaseFile.open(common.folder_of(load(config), case)) as opened:
        rows = [waiver._asdict() for waiver in answers.waivers(opened)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            click.echo(f"{row['item']}: {row['by']}, {row['at']}\n  {row['reason']}")
    return 0
