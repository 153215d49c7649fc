"""`connector receipt`."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import click

from ..errors import Exit, UsageError
from . import common

_FILE = click.Path(path_type=Path, dir_okay=False)
_SHOWN = 20  # lines of what is wrong, for a person


@click.group("receipt")
def command() -> None:
    """Proof of arrival. What stands in a receipt, and how to check one without us: docs/proof.md.

    \b
    Example:
      connector receipt check receipt.json
    """


@command.command("check")
@click.argument("file", type=_FILE)
@click.option("--jwks", type=_FILE, help="The public keys: the signature is checked too.")
@click.option("--packet", type=_FILE, help="The packet (default: packet.json beside FILE, if any).")
@common.json_option
def check(file: Path, jwks: Path | None, packet: Path | None, as_json: bool) -> int:
    """Find out whether a receipt is as it was written. Needs no server and no configuration.

    FILE is receipt.json, or receipt.jws with --jwks. With --jwks, the receipt.jws beside a
    receipt.json has to be of just that receipt.

    \b
    Examples:
      connector receipt check receipt.json --packet packet.json
      connector receipt check receipt.jws --jwks jwks.json
    """
    from ..push.evidence import receipt_check

    keys = _json(jwks) if jwks else None
    data = _read(file)
    _must_be_a_receipt(file, data)
    try:
        if data.lstrip()[:1] == b"{":
            jws = _read(file.with_suffix(".jws")) if jwks else None
        elif jwks is None:
            raise UsageError(
                f"{file}: a signed receipt can't be checked without the public key",
                "Name it with --jwks, or check the receipt.json.",
            )
        else:
            jws, data = data, receipt_check.content(data, keys)
        packet = packet or _beside(file)
        found = receipt_check.check(data, jws, keys, _read(packet) if packet else None)
    except receipt_check.BadSignature as error:
        found = receipt_check.Checked({}, ["signature"], [f"signature: {error}"])
    return _tell(found.values, found.checked, found.wrong, as_json)


def _beside(file: Path) -> Path | None:
    """receipt-0.json has packet-0.json beside it; a receipt of another name has no packet."""
    if not file.stem.startswith("receipt"):
        return None
    beside = file.with_name(file.stem.replace("receipt", "packet", 1) + ".json")
    return beside if beside.exists() else None


def _must_be_a_receipt(file: Path, data: bytes) -> None:
    """`UsageError` for what is neither JSON nor a compact JWS (RFC 7515 7.1)."""
    text = data.strip()
    if not text:
        raise UsageError(f"{file}: the file is empty", "Take the file as it was written.")
    if text[:1] != b"{" and not re.fullmatch(rb"[\w-]+\.[\w-]+\.[\w-]+", text):
        raise UsageError(
            f"{file}: neither a receipt nor a signed one",
            "Name receipt.json or receipt.jws as it was written.",
        )


def _tell(values: dict[str, Any], checked: list[str], wrong: list[str], as_json: bool) -> int:
    code = Exit.DIFFERS if wrong else Exit.DELIVERED
    shown = {} if wrong else values
    statuses = dict(sorted(Counter(r["status"] for r in shown.get("resources", ())).items()))
    if as_json:
        facts = {name: shown.get(name) for name in ("case", "verified_at", "announced_at")}
        told = {"exit_code": int(code), "checked": checked, "wrong": wrong, **facts}
        click.echo(json.dumps({**told, "statuses": statuses}, indent=2))
    elif wrong:
        for line in wrong[:_SHOWN]:
            click.echo(line)
        if len(wrong) > _SHOWN:
            click.echo(f"… and {len(wrong) - _SHOWN} more: --json lists them all")
    else:
        counts = ", ".join(f"{number} {status}" for status, number in statuses.items())
        click.echo(f"As it was written ({', '.join(checked)}): read back at {shown['verified_at']}")
        click.echo(f"Resources: {counts}")
    return int(code)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "Name a file that can be read.") from None


def _json(path: Path) -> Any:
    try:
        return json.loads(_read(path))
    except (ValueError, RecursionError):
        raise UsageError(f"{path}: not JSON", "Name the public keys: jwks.json.") from None
