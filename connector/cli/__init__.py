"""The command line. One thin module per verb: arguments → one call → exit code.

Verbs are imported when they are called, so that `--help` costs no more than click itself.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

import click

from .. import __version__
from ..errors import ConnectorError, Exit, unforeseen
from . import exchanges
from .shown import opened, shown

_VERBS = {
    "init": "Write a commented connector.toml and a first request.",
    "doctor": "Check both ends: reachable, TLS, FHIR version, sign-in, clock, what is needed.",
    "keys": "Make a key pair to sign in with.",
    "transfer": "Everything for one request: pull, map, push, read back, announce.",
    "pull": "Pull the chart of one request from its source.",
    "map": "Author the packet of one request; nothing leaves.",
    "push": "Send the packet of one request, read it back, announce it.",
    "verify": "Read an announced packet at the destination again and compare.",
    "cancel": "Take the request back; what the other team has, it keeps.",
    "recall": "After a wrong disclosure: take back what was sent.",
    "close": "Say that nobody waits for a case any more: the meeting is over, or off.",
    "attach": "Add a document to a case: a scanned report, a photo.",
    "waive": "Do without an item of the checklist, with a reason.",
    "release": "Let one withheld record leave, or keep one, with a reason.",
    "approve": "Let the packet with the hash that the dry run showed leave.",
    "resolve": "Say which record at the destination is the patient's, if it is in doubt.",
    "reconcile": "After a restored backup: find at the destination what this case brought.",
    "receipt": "Check a receipt, without any server.",
    "audit": "The log of disclosures: verify it, show it, export its AuditEvents.",
    "sync": "Every request file of a folder, the nearest need first: for cron.",
    "status": "All cases, the nearest need first.",
    "export": "Write the packet as a Bundle, or as files the patient carries.",
    "show": "How one case stands, and what is missing.",
    "mappings": "The rules: start an own set, check it, explain a case by it.",
    "try": "A transfer between two test servers, with no file written first.",
    "sandbox": "Run an embedded FHIR server on this machine.",
    "demo": "The whole way on this machine, with a synthetic patient.",
}


class _Verbs(click.Group):
    # ruff: noqa: ARG002 - click hands every method its context

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        command: click.Command = import_module(f".{name}_verb", __name__).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(_VERBS.items()))


@click.command(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 delivered and verified, 3 records missing, 4 come back, 5 a person has to"
    " decide, 6 source, 7 destination, 8 differs, 11 late. All: docs/exit-codes.md.",
)
@click.version_option(__version__, prog_name="connector")
@click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("connector.toml"),
    envvar="CONNECTOR_CONFIG",
    help="The configuration (default: connector.toml here, or $CONNECTOR_CONFIG).",
)
@click.option(
    "--mappings",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="CONNECTOR_MAPPINGS",
    help="An own mapping set, laid over the packaged one file by file (default: [mappings] folder"
    " of the configuration, or $CONNECTOR_MAPPINGS).",
)
@exchanges.option
@click.pass_context
def group(
    ctx: click.Context,
    config: Path,
    mappings: Path | None,  # noqa: ARG001
    verbose: bool,  # noqa: ARG001 - the option has seen to it
) -> None:
    """Bring a patient's records to the team that is asked for a second opinion.

    \b
    Start here:
      connector demo                            see the whole way, on this machine
      connector init                            write connector.toml and request.yaml
      connector doctor                          check both ends
      connector transfer request.yaml --dry-run see what would leave
      connector transfer request.yaml           send it, and prove that it arrived
    """
    ctx.obj = config


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code. Nobody's mistake shows a traceback."""
    opened()
    with shown() as flushed:
        code = _run(arguments)
        if lost := flushed():
            fix = "Check the disk that standard output goes to. The case stands as `show` says."
            code = _complain(Exit.INTERNAL, f"output was lost: {lost}", fix, as_json=False)
            flushed()
    return code


def _run(arguments: list[str] | None) -> int:
    as_json = "--json" in (sys.argv if arguments is None else arguments)
    try:
        result = group.main(arguments, prog_name="connector", standalone_mode=False)
        return int(result) if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _complain(Exit.INTERRUPTED, "interrupted", "Run the same command again.", as_json)
    except click.ClickException as error:
        return _complain(Exit.USAGE, error.format_message(), "See `connector -h`.", as_json)
    except ConnectorError as error:
        return _complain(error.exit, str(error), error.what_to_do, as_json)
    except Exception as error:  # noqa: BLE001 - the last line of defence: no text that may hold PHI
        told = unforeseen(error)
        return _complain(told.exit, str(told), told.what_to_do, as_json)


def _complain(code: Exit, message: str, what_to_do: str, as_json: bool) -> int:
    if as_json:
        values = {"error": message, "what_to_do": what_to_do, "exit_code": int(code)}
        click.echo(json.dumps(values, indent=2))
    click.echo(f"connector: {message}", err=True)
    if what_to_do:
        click.echo(f"  {what_to_do}", err=True)
    return int(code)
