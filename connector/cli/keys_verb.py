"""`connector keys`."""

import os
from pathlib import Path

import click

from .. import keys
from ..errors import UsageError

_PRIVATE, _PUBLIC = "private.pem", "jwks.json"


@click.group("keys")
def command() -> None:
    """Keys to sign in with (SMART Backend Services), or to sign receipts with. How to register one:
    docs/sign-in.md.

    \b
    Example:
      connector keys new --alg ES384 --out keys/home
    """


@command.command("new")
@click.option(
    "--alg",
    type=click.Choice(["ES384", "RS384"]),
    default="ES384",
    show_default=True,
    help="ES384 (curve P-384) or RS384 (RSA): what the other side takes.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder to write to; made if it is not there.",
)
def new(alg: keys.Algorithm, out: Path) -> int:
    """Make a key pair: private.pem stays here (mode 0600), jwks.json is for the other side.

    Files that are there already are never written over.

    \b
    Example:
      connector keys new --alg ES384 --out keys/home
    """
    for name in (_PRIVATE, _PUBLIC):
        if os.path.lexists(out / name):
            raise UsageError(f"{out / name}: is there already", "Name another folder.")
    key = keys.new(alg)
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(out / _PRIVATE, key.pem(), 0o600)
    _write(out / _PUBLIC, keys.jwks(key), 0o644)
    click.echo(f"Wrote {out / _PRIVATE}: private, for `private_key` in auth")
    click.echo(f"Wrote {out / _PUBLIC}: public, register it at the other side (kid {key.kid})")
    return 0


def _write(path: Path, data: bytes, mode: int) -> None:
    """Only if nothing stands there: a key in use that is gone can't be had back."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
