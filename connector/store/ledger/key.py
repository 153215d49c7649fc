"""The ledger's key, and whether it is the one the ledger was written with.

Without the key nothing in the ledger can be found again: records that we brought would look like
somebody else's, and the log of disclosures could not be checked. So the ledger holds a keyed value
by which its key is known, and neither of the two is made anew while the other one is there.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, insert, select

from ...errors import UsageError
from ..private import private_folder, write_private

Keyed = Callable[[str], str]

_KEY_BYTES = 32
_KNOWN_BY = "the ledger's key"

metadata = MetaData()
_known = Table(
    "ledger_key",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("known_by", String(64), nullable=False),
)
_RESTORE = (
    "Put {} back from the backup that belongs to this ledger (on another machine: copy it from the"
    " first). docs/troubleshooting.md says how to begin anew, and what is lost then."
)


class LedgerKey:
    """The key in `file`. One that was just made stands in `file.new` until the ledger knows it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._new = file.with_name(f"{file.name}.new")

    def of_new_ledger(self, db: Connection, keyed_by: Callable[[bytes], Keyed]) -> bytes:
        """Make the key of a ledger that was just made. `UsageError` if there is one already."""
        if self._file.exists():
            raise UsageError(
                f"the ledger is empty, and {self._file} is the key of an earlier one",
                "Restore the ledger, or correct [ledger] url. docs/troubleshooting.md says how to"
                " begin anew, and what is lost then.",
            )
        if not self._new.exists():
            private_folder(self._new.parent)
            write_private(self._new, os.urandom(_KEY_BYTES).hex().encode() + b"\n")
        key = _read(self._new)
        self._keep(db, keyed_by(key))
        return key

    def of_ledger(
        self, db: Connection, keyed_by: Callable[[bytes], Keyed], fits: Callable[[Keyed], bool]
    ) -> bytes:
        """The key of a ledger that stands there. `UsageError` if it is missing or another one.

        `fits`: what to go by in a ledger of a version that did not know its key.
        """
        key = self._stored()
        known_by = db.execute(select(_known.c.known_by)).scalar()
        keyed = keyed_by(key)
        if not (fits(keyed) if known_by is None else keyed(_KNOWN_BY) == known_by):
            raise UsageError(
                f"{self._file} is not the key that this ledger was written with",
                _RESTORE.format(self._file.name),
            )
        if known_by is None:
            self._keep(db, keyed)
        return key

    def settle(self) -> None:
        """The ledger knows its key by now: a new one gets its name."""
        with suppress(FileNotFoundError):  # another process was faster
            self._new.replace(self._file)

    def _keep(self, db: Connection, keyed: Keyed) -> None:
        db.execute(insert(_known).values(one=1, known_by=keyed(_KNOWN_BY)))

    def _stored(self) -> bytes:
        # The new one between: another process may just be giving it its name.
        for file in (self._file, self._new, self._file):
            with suppress(FileNotFoundError):
                return _read(file)
        raise UsageError(
            f"the ledger is there, and its key {self._file} is not",
            _RESTORE.format(self._file.name),
        )


def _read(file: Path) -> bytes:
    if file.stat().st_mode & 0o077:
        raise UsageError(
            f"{file}: others than its owner may read or write the ledger's key",
            f"Take that from them: chmod 600 {file}",
        )
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii"))
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise UsageError(
            f"{file}: not the ledger's key ({2 * _KEY_BYTES} hex digits)",
            _RESTORE.format(file.name),
        )
    return key
