"""`connector release CASE Type/id`."""

import json
from pathlib import Path

import click

from .. import ruling
from ..config import load
from ..errors import UsageError
from ..store.case.casefile import CaseFile
from ..store.mapped.rulings import rulings
from . import common


@click.command("release")
@click.argument("case")
@click.argument("record", metavar="[Type/id]", required=False)
@click.option("--by", default=None, help="Who decides (default: the user who runs this).")
@click.option("--keep", is_flag=True, help="Keep the record here, though no rule withholds it.")
@click.option("--undo", is_flag=True, help="Let the rules decide on the record again.")
@click.option("--list", "listed", is_flag=True, help="Show what was decided, by whom and why.")
@common.json_option
@click.pass_obj
def command(
    config: Path,
    case: str,
    record: str | None,
    by: str | None,
    keep: bool,
    undo: bool,
    listed: bool,
    as_json: bool,
) -> int:
    """Let one withheld record leave, or keep one, by its id at the source. The reason is read from
    standard input; it and the name stay in the case file. The packet is another one then, and to be
    approved again; after delivery it is an update.

    What a consent in the chart denies can't be released so (review the consent), nor what law lets
    leave only with an authorization that names it (42 CFR Part 2, psychotherapy notes, 38 USC
    7332). `connector show` and `connector mappings explain` name what is withheld. docs/release.md

    \b
    Examples:
      echo "read it: nothing of that visit" | connector release request.yaml DocumentReference/41
      echo "the patient asked" | connector release request.yaml Condition/7 --keep --by "A. Person"
      connector release request.yaml DocumentReference/41 --undo
      connector release request.yaml --list
    """
    if (record is None) != listed or (keep and undo):
        raise UsageError("expected Type/id, or --list", "See `connector release -h`.")
    if record is None:
        return _list(config, case, as_json)
    job = common.job_of(config, case)
    if undo:
        return common.tell(ruling.undo(job, record), as_json)
    decide = ruling.keep if keep else ruling.release
    return common.tell(decide(job, record, common.who(by), common.reason()), as_json)


def _list(config: Path, case: str, as_json: bool) -> int:
    with CaseFile.open(common.folder_of(load(config), case)) as opened:
        rows = [each._asdict() for each in rulings(opened)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            click.echo(f"{row['record']}: {row['how']}, {row['by']}, {row['at']}")
            click.echo(f"  {row['reason']}")
    return 0
