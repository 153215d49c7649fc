"""`connector init`."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from ..errors import UsageError
from ..store.private import write_private
from ..work import templates


@click.command("init")
@click.pass_obj
def command(config: Path) -> int:
    """Write a commented connector.toml with fresh ids, and beside it a first request.yaml.

    Files that are there already are never written over.

    \b
    Example:
      connector init && $EDITOR connector.toml request.yaml && connector doctor request.yaml
    """
    request = config.parent / "request.yaml"
    for path in (config, request):
        if path.exists():
            raise UsageError(f"{path}: is there already", "Move it away, or edit it.")
    needed_by = (datetime.now(UTC) + timedelta(days=14)).date().isoformat()
    # One names a patient, the other may come to hold where secrets are.
    write_private(config, templates.config(uuid.uuid4(), uuid.uuid4()).encode())
    write_private(request, templates.request(needed_by).encode())
    click.echo(f"Wrote {config} and {request}. Edit both, then: connector doctor {request}")
    return 0
