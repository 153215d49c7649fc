"""`connector export CASE`."""

from functools import partial
from pathlib import Path
from typing import cast, get_args

import click

from .. import packet
from ..work.export import export
from . import common


@click.command("export")
@click.argument("case")
@click.option(
    "--as",
    "shape",
    type=click.Choice(get_args(packet.Shape)),
    default="files",
    show_default=True,
    help="A FHIR Bundle of that type, or files to read and carry.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    required=True,
    help="Where to. With files: a folder, or a zip if it ends in .zip.",
)
@common.json_option
@click.pass_obj
def command(config: Path, case: str, shape: str, output: Path, as_json: bool) -> int:
    """Write the packet of a case to a file or folder, for another way than a push.

    CASE is a request file, the name of a case or a request_id. It has to be mapped, and approved
    where a person approves. What is written is patient data: only you may read it.

    \b
    Examples:
      connector export SO-2026-0001 -o packet.zip
      connector export request.yaml --as document -o packet.json
    """
    job = common.job_of(config, case)
    stands = export(job, cast("packet.Shape", shape), output, partial(click.echo, err=True))
    return common.tell(stands, as_json)
