"""`connector doctor`."""

import json
import textwrap
from dataclasses import asdict
from pathlib import Path

import click

from ..config import load
from ..errors import UsageError, worst
from ..work.doctor import examine
from ..work.requests import read_request
from ..work.trial import refuse_production
from . import common, exchanges


@click.command("doctor")
@click.argument("request", required=False)
@click.option("--source", help="The source to check (default: the only one).")
@click.option("--destination", help="The destination to check (default: the only one).")
@click.option(
    "--write-test",
    is_flag=True,
    help="Also write, change and delete test resources at the destination.",
)
@click.option("--in-production", is_flag=True, help="Allow --write-test in production.")
@exchanges.option
@common.json_option
@click.pass_obj
def command(
    config_path: Path,
    request: str | None,
    source: str | None,
    destination: str | None,
    write_test: bool,
    in_production: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Check both ends, and what REQUEST (a request file) needs of them.

    Writes nothing there, except a few test resources without a patient where --write-test asks
    for it.

    \b
    Examples:
      connector doctor
      connector doctor request.yaml
      connector doctor --source home --destination outside
      connector doctor -v              every query with its reason, every exchange with its time
      connector doctor --write-test
    """
    config = load(config_path)
    case_type = "general"
    if request is not None:
        wanted = read_request(Path(request))
        source, destination, case_type = wanted.source, wanted.destination, wanted.case_type
    source = source or _only(list(config.sources), "--source")
    destination = destination or _only(list(config.destinations), "--destination")
    if write_test:
        refuse_production(config.destination(destination), in_production)
    checks = examine(
        config,
        source,
        destination,
        case_type,
        common.mappings_of(config),
        write_test=write_test,
    )
    code = worst([check.exit for check in checks if not check.ok])
    if as_json:
        rows = [{**asdict(c), "exit": 0 if c.ok else int(c.exit)} for c in checks]
        values = {"exit_code": int(code), "checks": rows}
        click.echo(json.dumps(values, indent=2))
        return int(code)
    for check in checks:
        _show(f"{check.mark} {check.end} {check.name}: {check.detail}")
        if check.fix:
            _show(f"     {check.fix}")
        for line in check.more if verbose else ():
            _show(f"     {line}")
    return int(code)


def _show(line: str) -> None:
    """A line for a terminal, continued below what it says."""
    for row in textwrap.wrap(line, 100, subsequent_indent=" " * 9, break_on_hyphens=False):
        click.echo(row)


def _only(names: list[str], option: str) -> str:
    if len(names) != 1:
        raise UsageError(f"{option}: there are {len(names)} in connector.toml", f"Say {option}.")
    return names[0]
