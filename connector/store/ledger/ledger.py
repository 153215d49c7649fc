"""The ledger: state of every case, one row per write, the disclosure log. No patient data.

SQLAlchemy Core, one code path for SQLite (default) and PostgreSQL. Hashes are keyed (HMAC-SHA-256)
with a key kept beside the store: a leaked ledger can't be matched against known content.

Here stands what is one commit; the rows are those of `cases`, `writes`, `turns`.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from ...errors import ConnectorError
from ...instant import instant
from ..audit import audit_check, audit_ndjson, disclosures
from ..audit.disclosures import Anchor, Break, Disclosure, Row
from ..lock import only_one
from . import cases, last_written, turns, writes
from .cases import CaseRow
from .database import engine_for, one_commit
from .key import LedgerKey
from .last_written import Known, Written
from .tables import bring_up, keyed_by

# How a case ends by a person's word: the event of its disclosures → its state.
_ENDED = {"recall": "recalled", "cancel": "cancelled", "close": "closed"}


class Ledger:
    """An open ledger."""

    def __init__(self, url: str, key_file: Path) -> None:
        """Open the ledger at a SQLAlchemy URL, or make it together with its key.

        `UsageError` if only one of the two is there, or the key belongs to another ledger.
        """
        self._engine = engine_for(url)
        self._turn: tuple[str, int] | None = None
        # Where locks are that everybody who shares this ledger on this machine has to find.
        sqlite = self._engine.dialect.name == "sqlite"
        self._folder = Path(str(self._engine.url.database)).parent if sqlite else key_file.parent
        key = LedgerKey(key_file)
        try:
            with self._begin() as db:
                self._key = bring_up(db, key)
        except ConnectorError:
            self.close()
            raise
        key.settle()

    def close(self) -> None:
        self._engine.dispose()

    def take(self, handle: str, source_id: str, destination_id: str, due: str) -> int:
        """Become the one writer of a case. Returns our fencing number, one above the last.

        A process that was stopped and overtaken keeps the lower number, and `intend` refuses it.
        """
        with self._begin() as db:
            return cases.take(db, handle, source_id, destination_id, due, _now())

    def has_turn(self, destination_id: str) -> bool:
        """Whether we are the one who writes at a destination."""
        return self._turn is not None and self._turn[0] == destination_id

    @contextmanager
    def turn(self, destination_id: str, wait_s: float) -> Iterator[None]:
        """Be the only one who writes at a destination: two writers would create what they share
        (practitioners, organisations, a patient) twice, each having looked before the other wrote.

        Waits `wait_s` for whoever has the turn, then raises `LockHeld`. On one machine a lock
        that dies with its process; everywhere a number, which `intend` compares, so that who was
        stopped meanwhile and overtaken can't write.
        """
        lock = self._folder / f"writing-{destination_id}.lock"
        with only_one(lock, "this destination", wait_s):
            with self._begin() as db:
                number = turns.take(db, destination_id)
            self._turn = destination_id, number
            try:
                yield
            finally:
                self._turn = None

    def intend(
        self,
        handle: str,
        fence: int,
        write_no: int,
        method: str,
        content: str,
        entries: int,
        disclosure: Disclosure,
        settled: str = "settled by reading",
    ) -> None:
        """Commit, before bytes leave, that we will write, and tell it in the disclosure log.

        `content`: its SHA-256, kept keyed. `settled`: said of writes of this case that have no
        answer yet; whoever writes again has read since what they did. Raises `LockHeld` if another
        process has taken the case, or our turn, since.
        """
        with self._begin() as db:
            cases.check_fence(db, handle, fence)
            if self._turn is not None:
                turns.check(db, *self._turn)
            writes.settle(db, handle, settled, _now())
            hashed = self.keyed(content)
            writes.intend(db, handle, fence, write_no, method, hashed, entries, _now())
            disclosures.append(db, self.keyed, handle, disclosure, _now())

    def wrote(
        self, handle: str, fence: int, destination_id: str, as_of: str, records: Iterable[Written]
    ) -> None:
        """Keep how we left records at a destination. `as_of`: when their case was pulled.

        Raises `LockHeld` if another process has taken the case since.
        """
        with self._begin() as db:
            cases.check_fence(db, handle, fence)
            last_written.keep(db, self.keyed, destination_id, handle, as_of, records)

    def known(self, destination_id: str, keys: Iterable[str]) -> dict[str, Known]:
        """What we know of those of `keys` (`Type/<derived id>`) that we ever wrote there."""
        with self._begin() as db:
            return dict(last_written.known(db, self.keyed, destination_id, keys))

    def forget(self, handle: str, fence: int, destination_id: str, keys: Iterable[str]) -> None:
        """Forget that we ever wrote `keys` (`Type/<derived id>`) there: we took them away again.

        Raises `LockHeld` if another process has taken the case since.
        """
        with self._begin() as db:
            cases.check_fence(db, handle, fence)
            last_written.forget(db, self.keyed, destination_id, list(keys))

    def disclosing(self, handle: str, fence: int, disclosure: Disclosure) -> None:
        """Tell in the disclosure log, before bytes leave, of a request that writes nothing.

        Raises `LockHeld` if another process has taken the case since.
        """
        with self._begin() as db:
            cases.check_fence(db, handle, fence)
            disclosures.append(db, self.keyed, handle, disclosure, _now())

    def disclosed(self, handle: str, fence: int, disclosure: Disclosure) -> None:
        """Tell in the disclosure log what became of a case's packet, unless its last row says so.

        Raises `LockHeld` if another process has taken the case since.
        """
        with self._begin() as db:
            cases.check_fence(db, handle, fence)
            last = disclosures.last(db, disclosures.case_key(self.keyed, handle))
            if last is None or not disclosures.says(last, disclosure):
                disclosures.append(db, self.keyed, handle, disclosure, _now())

    def disclosures(self, handle: str | None = None, after: int = 0) -> list[Row]:
        """The rows of the disclosure log after number `after`, of one case if asked, in order."""
        case = None if handle is None else disclosures.case_key(self.keyed, handle)
        with self._begin() as db:
            return list(disclosures.rows(db, case, after))

    def case_names(self) -> dict[str, str]:
        """What stands for a case in the disclosure log → its handle, of every case known here."""
        return {disclosures.case_key(self.keyed, row.handle): row.handle for row in self.cases()}

    def disclosure_head(self) -> Anchor:
        """The last row of the disclosure log, for somebody to remember (number 0: none)."""
        with self._begin() as db:
            return disclosures.head(db)

    def check_disclosures(self, anchors: Iterable[Anchor] = ()) -> tuple[int, Break | None]:
        """(rows of the disclosure log that hold, where it breaks first): `disclosures.check`."""
        with self._begin() as db:
            chain, head = disclosures.rows(db), disclosures.head(db)
            return disclosures.check(self.keyed, chain, head, anchors)

    def check_audit(self, folder: Path) -> audit_check.Found:
        """Whether the audit.ndjson of a case is what the log makes of it: `audited.check`."""
        name = f"{audit_ndjson.NAME} of case {folder.name}"
        content = audit_ndjson.content(folder)
        return audit_check.check(self.keyed, self.disclosures(folder.name), content, name)

    def answer(self, handle: str, write_no: int, status: int | None, outcome: str) -> None:
        """Keep what became of a write. `status` None: no answer; `outcome`: one of our words."""
        with self._begin() as db:
            writes.answer(db, handle, write_no, status, outcome, _now())

    def settle(
        self, handle: str, fence: int, outcome: str, *, exports: bool = False, unclear: bool = False
    ) -> None:
        """Say `outcome` of each write of a case that has no answer yet: or of each export.

        To be called when what those writes did is known by other means, or never will be.
        `unclear`: also where the answer was. Raises `LockHeld` if another process has taken the
        case since.
        """
        with self._begin() as db:
            cases.check_fence(db, handle, fence)
            writes.settle(db, handle, outcome, _now(), exports=exports, unclear=unclear)

    def since_intended(self, handle: str, write_no: int) -> float:
        """Seconds since a write was intended; 0 where nobody knows (another clock, no row)."""
        with self._begin() as db:
            return writes.since_intended(db, handle, write_no)

    def set_state(self, handle: str, fence: int, state: str, exit_code: int) -> None:
        """Keep a case's state. Raises `LockHeld` if another process has taken the case since."""
        with self._begin() as db:
            cases.check_fence(db, handle, fence)
            cases.keep_state(db, handle, state, exit_code, _now())

    def ended(self, handle: str) -> str:
        """How people ended a case, `closed`, `cancelled` or `recalled`; "" where nobody did.

        Also by the log of disclosures, where the end was not reached yet.
        """
        with self._begin() as db:
            state = cases.state_of(db, handle)
        if state in _ENDED.values():
            return str(state)
        events = {row.event for row in self.disclosures(handle)}
        return next((how for event, how in _ENDED.items() if event in events), "")

    def next_write_no(self, handle: str) -> int:
        """The number of the case's next write, from 1; never used before, even for a lost one."""
        with self._begin() as db:
            return writes.next_no(db, handle)

    def cases(self) -> list[CaseRow]:
        """Every case, the nearest need first."""
        with self._begin() as db:
            known = list(cases.rows(db))
        return sorted(known, key=lambda row: (row.due_at, row.handle))

    def keyed(self, text: str) -> str:
        """The keyed hash under which something may be written here."""
        return keyed_by(self._key)(text)

    def _begin(self) -> AbstractContextManager[Connection]:
        return one_commit(self._engine)


def _now() -> str:
    return instant(datetime.now(UTC))
