"""`connector sandbox`."""

import gzip
import threading
from pathlib import Path

import click

from ..sandbox import Sandbox
from ..settings import Secret


@click.command("sandbox")
@click.option("--port", default=8080, show_default=True, help="Port on 127.0.0.1 (0: a free one).")
@click.option(
    "--load",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A Bundle (.json or .json.gz) to load first; may be given several times.",
)
@click.option(
    "--token-env",
    metavar="NAME",
    help="Ask for the bearer token that this environment variable holds.",
)
def command(port: int, files: tuple[Path, ...], token_env: str | None) -> int:
    """Run an embedded FHIR R4 server on this machine, in memory, until interrupted.

    It is for demonstrations and tests: what it holds is gone when it ends.

    \b
    Example:
      connector sandbox --port 8080 --load hospital.json --load chart.json.gz
    """
    token = Secret(env=token_env).read() if token_env else None
    with Sandbox(port=port, bearer_token=token) as server:
        for path in files:
            data = path.read_bytes()
            server.load(gzip.decompress(data) if path.suffix == ".gz" else data)
        click.echo(f"FHIR R4 sandbox at {server.base_url} (Ctrl-C ends it)")
        threading.Event().wait()
    return 0
