"""`connector mappings`: copy, check, explain, keep."""

import json
from pathlib import Path

import click

from ..config import load
from ..errors import Exit, UsageError
from ..mappingfiles import MappingFiles
from ..packet import explain as explain_case
from ..request import Request
from ..store.case.casefile import CaseFile
from ..view import mappings as view
from ..work import mappings
from . import common

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group("mappings")
def command() -> None:
    """The rules: checklists, release rules, templates, code translations. docs/mappings.md

    \b
    Examples:
      connector mappings copy mine checklists/general.yaml
      connector mappings check mine
      connector --mappings mine transfer request.yaml --dry-run
      connector --mappings mine mappings explain request.yaml
      connector mappings keep request.yaml 3-a1f0 echocardiogram mine
    """


@command.command("copy")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.argument("names", metavar="[FILE]...", nargs=-1)
def copy(folder: Path, names: tuple[str, ...]) -> int:
    """Start an own set in DIR: the packaged FILEs, or all of them.

    A file of DIR replaces the packaged one of the same name; what is not in DIR stays packaged and
    is renewed with the program. So copy what you change and no more.

    \b
    Example:
      connector mappings copy mine checklists/general.yaml release/general.yaml
    """
    for path in mappings.copy(folder, names):
        click.echo(f"Wrote {path}")
    click.echo(f"Use it: connector --mappings {folder} …, or [mappings] folder in connector.toml")
    return 0


@command.command("check")
@click.argument("folder", metavar="[DIR]", type=_FOLDER, required=False)
@common.json_option
@click.pass_obj
def check(config: Path, folder: Path | None, as_json: bool) -> int:
    """Validate every file of the set in DIR, and run every example in it. Exit 2 if any is wrong.

    Without DIR: the set that the other verbs use. The packaged files it leaves in place are
    checked with it.

    \b
    Example:
      connector mappings check mine
    """
    found = mappings.check(MappingFiles(folder or common.mappings_folder(config)))
    code = Exit.USAGE if found.wrong else Exit.DELIVERED
    if as_json:
        values = {
            "exit_code": int(code),
            "files": found.files,
            "examples": found.examples,
            "wrong": found.wrong,
            "without_example": found.bare,
        }
        click.echo(json.dumps(values, indent=2))
        return int(code)
    for line in (*found.bare, *found.wrong):
        click.echo(line)
    if not found.wrong:
        click.echo(f"{found.files} files, {found.examples} examples: all come out as they say")
    return int(code)


@command.command("explain")
@click.argument("case")
@click.argument("resource", required=False)
@common.json_option
@click.pass_obj
def explain(config: Path, case: str, resource: str | None, as_json: bool) -> int:
    """Say why each record of CASE leaves or stays: the rule, its reason, its file and line.

    RESOURCE is a record as the source calls it (Type/id), or a type; without it the records are
    summed up by rule. Withheld records are named: for the operator only.

    \b
    Examples:
      connector mappings explain request.yaml
      connector mappings explain request.yaml Observation
      connector mappings explain request.yaml Condition/1047 --json
    """
    settings = load(config)
    with CaseFile.open(common.folder_of(settings, case)) as file:
        request = Request.model_validate(file.state.request)
        programme = settings.destination(request.destination).programme
        values = explain_case(file, common.mappings_of(settings), programme, resource)
    if as_json:
        click.echo(json.dumps(values, indent=2))
        return 0
    for line in view.explained(values, by_record=resource is not None):
        click.echo(line)
    return 0


@command.command("keep")
@click.argument("case")
@click.argument("number")
@click.argument("kind")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.pass_obj
def keep(config: Path, case: str, number: str, kind: str, folder: Path) -> int:
    """Keep it as a rule of the set in DIR of which KIND the records of NUMBER are.

    NUMBER is of the list "reports and documents of unknown kind" that the dry run and `show` print.
    The rule goes by their codes, or by their title where they have none: see that it names nobody.

    \b
    Example:
      connector mappings keep request.yaml 3-a1f0 echocardiogram mine
    """
    settings = load(config)
    with CaseFile.open(common.folder_of(settings, case)) as file:
        listed = (file.state.outline or {}).get("unknown", [])
    group = next((each for each in listed if each["number"] == number), None)
    if group is None:
        raise UsageError(
            f"{number}: not on the case's list of reports and documents of unknown kind",
            "See the list: `connector show CASE`.",
        )
    path, said = mappings.keep(group, kind, common.mappings_of(settings).kinds, folder)
    click.echo(f"Wrote {path}: {said}")
    click.echo(f"Use it: connector --mappings {folder} …, or [mappings] folder in connector.toml")
    return 0
