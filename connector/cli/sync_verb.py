"""`connector sync FOLDER`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ..config import load
from ..view import tables, terminal
from ..work.sync import sync
from . import common


@click.command("sync")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--update",
    "news",
    is_flag=True,
    help="Ask the sources what is new for cases that were sent and are still to come.",
)
@common.json_option
@click.pass_obj
def command(config: Path, folder: Path, news: bool, as_json: bool) -> int:
    """Advance every request file (.yaml, .yml, .json) of FOLDER, the nearest need first.

    Prints a line for each case that needs somebody, or that went on though the second team may not
    be another one, and one summary line. Two runs at once: the
    second exits 10. A request that is unreadable, held or failed does not stop the others.

    \b
    Example (crontab):
      */15 * * * *  connector -c /etc/connector.toml sync /srv/requests
      7 5 * * *     connector -c /etc/connector.toml sync /srv/requests --update
    """

    now = datetime.now(UTC)

    def told(line: dict[str, Any], changed: bool) -> None:
        doubted = changed and line.get("independence")
        if (line["exit_code"] or doubted) and not as_json:
            text = terminal.failed(line, now) if "error" in line else terminal.brief(line)
            named = text.startswith(str(folder / line["file"]))  # a file that can't be read
            click.echo(text if named else f"{line['file']}: {text}")

    settings = load(config)
    mappings = common.mappings_of(settings)
    summary = sync(settings, folder, mappings, common.progress(), told, news=news)
    if as_json:
        values = {"exit_code": int(summary.exit_code), "requests": summary.lines}
        click.echo(json.dumps(values, indent=2))
    else:
        click.echo(tables.summary(summary.lines, int(summary.exit_code)))
    return int(summary.exit_code)
