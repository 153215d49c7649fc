"""`connector sandbox`."""

import gzip
import threading
import zlib
from pathlib import Path

import click

from ..errors import UsageError
from ..fhir.lossless import UndecodableError
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
    with _opened(port, token) as server:
        for path in files:
            _load(server, path)
        click.echo(f"FHIR R4 sandbox at {server.base_url} (Ctrl-C ends it)")
        threading.Event().wait()
    return 0


def _opened(port: int, token: str | None) -> Sandbox:
    try:
        return Sandbox(port=port, bearer_token=token)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "not a port"
        raise UsageError(
            f"--port {port}: {why.lower()}",
            "Stop what uses that port, or name another (0: a free one).",
        ) from None


def _load(server: Sandbox, path: Path) -> None:
    """`UsageError` names the file, and what it is instead of a Bundle that can be loaded."""
    try:
        data = path.read_bytes()
        server.load(gzip.decompress(data) if path.suffix == ".gz" else data)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or "not gzip, as its name says"
        raise UsageError(f"--load {path}: {why}", "Name another file.") from None
    except UndecodableError:
        raise UsageError(
            f"--load {path}: not JSON", "Name a FHIR Bundle as JSON (.json or .json.gz)."
        ) from None
    except LookupError as error:
        raise UsageError(
            f"--load {path}: {error.args[0]}", "Name the files it needs first, each with --load."
        ) from None
    except ValueError as error:
        raise UsageError(f"--load {path}: {error}", "Name a FHIR Bundle of records.") from None
