"""`connector attach CASE`."""

import json
from pathlib import Path

import click

from .. import amend
from ..config import load
from ..errors import UsageError
from ..store.case.casefile import CaseFile
from ..store.mapped import answers
from . import common


@click.command("attach")
@click.argument("case")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--item", help="The item of the checklist that the file is for.")
@click.option("--title", default="", help="What the receiving team reads. No names: others see it.")
@click.option("--date", default="", help="When the document was written: 2026-03-02, or 2026.")
@click.option("--type", "loinc", default="", help="What it is, a LOINC code: 11526-1 is pathology.")
@click.option("--list", "listed", is_flag=True, help="Show what is attached.")
@click.option("--remove", default="", metavar="HASH", help="Take one back, as --list shows it.")
@common.json_option
@click.pass_obj
def command(
    config: Path,
    case: str,
    file: Path | None,
    item: str | None,
    title: str,
    date: str,
    loinc: str,
    listed: bool,
    remove: str,
    as_json: bool,
) -> int:
    """Add a document to a case: a scanned pathology report, a photo. The packet is made anew with
    it; the item then counts as supplied. After delivery it is an update.

    \b
    Examples:
      connector attach request.yaml --item pathology --date 2026-03-02 --type 11526-1 scan.pdf
      connector attach request.yaml --list
      connector attach request.yaml --remove 3b0c19
    """
    if sum([file is not None, listed, bool(remove)]) != 1:
        raise UsageError("expected one of FILE, --list and --remove", "See `connector attach -h`.")
    if listed:
        return _list(config, case, as_json)
    job = common.job_of(config, case)
    if remove:
        return common.tell(amend.detach(job, remove), as_json)
    if file is None or item is None:
        raise UsageError("expected --item", "`connector map CASE --json` names the items.")
    described = amend.Description(title, date, loinc)
    return common.tell(amend.attach(job, item, file, described), as_json)


def _list(config: Path, case: str, as_json: bool) -> int:
    """Without the titles: somebody may have written a name into one."""
    with CaseFile.open(common.folder_of(load(config), case)) as opened:
        rows = [
            {"item": d.item, "hash": d.sha256, "content_type": d.content_type, "size": d.size}
            for d in answers.supplied(opened)
        ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            click.echo("{hash:.12}  {item}: {content_type}, {size} bytes".format_map(row))
    return 0
