"""`connector audit`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ..config import Config, load
from ..errors import Exit
from ..store.audit import anchor_file, anchors, audit_ndjson
from ..store.ledger.ledger import Ledger
from ..store.private import write_private
from ..view import tables
from . import common


@click.group("audit")
def command() -> None:
    """The log of disclosures: who sent what to whom, on which basis, when. docs/proof.md.

    \b
    Example:
      connector audit verify
    """


@command.command("verify")
@click.option(
    "--receipt",
    "receipts",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="A receipt kept elsewhere: the row it remembers has to be in the log. May be repeated.",
)
@click.option(
    "--anchor",
    "shown_in",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="A file of what `[audit] anchor` showed: its rows have to be in the log. May be repeated.",
)
@common.json_option
@click.pass_obj
def verify(
    config_path: Path, receipts: tuple[Path, ...], shown_in: tuple[Path, ...], as_json: bool
) -> int:
    """Walk the whole log: has a row been changed, removed, moved, added, cut off at the end?

    What the receipts and audit.ndjson of the store remember is looked for too, and what the file
    of `[audit] anchor` was shown; then each line of each audit.ndjson has to be what its row makes.
    Exits 8 at the first place that does not hold.

    \b
    Example:
      connector audit verify --receipt /mnt/archive/receipt.json
    """
    config = load(config_path)
    known = list(anchors.of_store(config.store.path))
    for path in receipts:
        known += anchors.of_receipt(path)
    if isinstance(config.audit.anchor, Path):
        shown_in += (config.audit.anchor,)
    for path in shown_in:
        known += anchor_file.read(path)
    lines = unsealed = 0
    with _ledger(config) as ledger:
        held, broken = ledger.check_disclosures(known)
        for folder in [] if broken else anchors.folders(config.store.path):
            found = ledger.check_audit(folder)
            if found.broken and found.broken.kind == "cut":
                found = ledger.check_audit(folder)  # a run may have been between row and line
            lines, unsealed = lines + found.held, unsealed + found.unsealed
            broken = broken or found.broken
    code = Exit.DIFFERS if broken else Exit.DELIVERED
    if as_json:
        first = asdict(broken) if broken else None
        told: dict[str, Any] = {"exit_code": int(code), "rows": held, "anchors": len(known)}
        told |= {"lines": lines, "unsealed": unsealed, "broken": first}
        click.echo(json.dumps(told, indent=2))
    elif broken:
        click.echo(f"Row {broken.seq}: {broken.kind}: {broken.why}")
        click.echo(f"{held} rows {'hold' if broken.line else 'before it hold'}")
    else:
        click.echo(f"{held} rows hold; {len(known)} remembered elsewhere are there")
        older = f" ({unsealed} of an older program, without a seal)" if unsealed else ""
        click.echo(f"{lines} lines of audit.ndjson are what their rows make{older}")
    return int(code)


@command.command("show")
@click.argument("case", required=False)
@common.json_option
@click.pass_obj
def show(config_path: Path, case: str | None, as_json: bool) -> int:
    """List the disclosures, the latest last; of one CASE if named.

    \b
    Example:
      connector audit show SO-2026-0001
    """
    config = load(config_path)
    handle = common.folder_of(config, case).name if case else None
    with _ledger(config) as ledger:
        names = ledger.case_names()
        rows = [
            {"case": names.get(row.case_hmac), **asdict(row)} for row in ledger.disclosures(handle)
        ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return 0
    for line in tables.disclosures(rows):
        click.echo(line)
    return 0


@command.command("export")
@click.argument("case", required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file to write (mode 0600). It names patients.",
)
@click.pass_obj
def export(config_path: Path, case: str | None, out: Path) -> int:
    """Write the AuditEvents (IHE BALP) of all cases, or of one CASE, as NDJSON.

    \b
    Example:
      connector audit export --out audit.ndjson
    """
    config = load(config_path)
    folders = [common.folder_of(config, case)] if case else anchors.folders(config.store.path)
    write_private(out, b"".join(map(audit_ndjson.lines, folders)))
    click.echo(f"Wrote {out}: it names patients")
    return 0


@contextmanager
def _ledger(config: Config) -> Iterator[Ledger]:
    ledger = Ledger(config.ledger_url(), config.store.path / "ledger.key")
    try:
        yield ledger
    finally:
        ledger.close()
