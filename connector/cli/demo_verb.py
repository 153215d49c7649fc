"""`connector demo`."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import click

from .. import report, transfer
from ..case import State
from ..job import prepare
from ..sandbox import Sandbox
from ..work import demo
from . import common

_FOLDER = Path("connector-demo")


@click.command("demo")
@click.option("--incomplete", is_flag=True, help="Leave one required record out of the chart.")
@click.option("--keep", is_flag=True, help="Keep both servers running afterwards, until Ctrl-C.")
def command(incomplete: bool, keep: bool) -> int:
    """Carry a synthetic patient's records between two FHIR servers on this machine.

    Packet and receipt are left in ./connector-demo to look at.

    \b
    Examples:
      connector demo                 everything the checklist asks for arrives: exit 0
      connector demo --incomplete    a record is missing: exit 3, and whom to ask for it
    """
    demo.fresh_folder(_FOLDER)
    case = demo.prepare(datetime.now(UTC).date(), incomplete=incomplete)
    with Sandbox() as source, Sandbox() as destination:
        source.load(case.bundle)
        click.echo(f"Source       {source.base_url}   ({len(source.resources())} resources)")
        click.echo(f"Destination  {destination.base_url}   (empty)")
        config = demo.config(source.base_url, destination.base_url, _FOLDER)
        job = prepare(config, case.request, common.mappings_of(config), common.progress())

        click.echo("\n1. What would leave, and why (nothing is sent yet)\n")
        stands = transfer.advance(job, State.READY)
        outline = report.outline(job)
        if outline is not None:
            common.tell_outline(outline, stands.as_json())

        click.echo("\n2. Send, read back, announce\n")
        stands = transfer.advance(job)
        meeting = case.request.meeting
        if meeting is not None:
            click.echo(f"The meeting is at {meeting.start} ({meeting.mode}).")
        common.tell_page(stands.as_json())
        if keep:
            click.echo("\nBoth servers go on running (Ctrl-C ends them).")
            threading.Event().wait()
    return int(stands.exit_code)
