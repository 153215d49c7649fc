"""What a store remembers of the disclosure log: rows that receipts and audit events name.

The log can be cut off at its end by whoever may write the ledger; what was cut is still named here.
"""

from collections.abc import Iterator
from pathlib import Path

from ...errors import UsageError
from ...fhir.lossless import UndecodableError, decode
from . import audit_ndjson
from .disclosures import Anchor


def folders(store: Path) -> list[Path]:
    """The folders of all cases, in order of name."""
    return sorted(path.parent for path in (store / "cases").glob("*/case.db"))


def of_store(store: Path) -> Iterator[Anchor]:
    """Every row that some case of the store remembers."""
    for folder in folders(store):
        yield from audit_ndjson.anchors(folder)
        if (folder / "receipt.json").exists():
            yield from of_receipt(folder / "receipt.json")


def of_receipt(path: Path) -> list[Anchor]:
    """The row that a receipt remembers; none if it is one from before there was a log.

    `UsageError` if the file can't be read as a receipt.
    """
    try:
        values = decode(path.read_bytes())
        row = values.get("disclosure_log")
        return [] if row is None else [Anchor(int(row["row"]), str(row["hash"]), str(path))]
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "Name a file that can be read.") from None
    except (UndecodableError, AttributeError, KeyError, TypeError, ValueError):
        raise UsageError(
            f"{path}: not a receipt that can be read", "Look at it: `connector receipt check FILE`."
        ) from None
