"""The end of a case, as a person says it: nobody waits for it any more, whatever became of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ..case import exit_codes
from ..config import Config
from ..errors import UsageError
from ..instant import instant
from ..job import stated
from ..store.case import transitions
from ..store.case.casefile import CaseFile
from ..store.ledger.ledger import Ledger
from ..store.lock import only_one
from ..store.status.need import need_of
from ..store.status.standing import Standing, facts_of, standing

CLOSED = "closed"  # how the ledger calls it


def close(config: Config, folder: Path, by: str, reason: str, now: datetime) -> Standing:
    """Close the case in `folder`: it counts no more, and nothing of it is sent any more.

    Asks no server, and needs no request: it is there also for a case whose ends are gone. The
    reason stays in the case file. `UsageError` without one.
    """
    reason = stated(reason, "echo 'the meeting was called off' | connector close CASE --by NAME")
    with _alone(config, folder) as (case, said):
        transitions.close(case, by, instant(now), reason)
        said(CLOSED, 0)
        return standing(case, now)


def reopen(config: Config, folder: Path, now: datetime) -> Standing:
    """Take that back. `UsageError` if the case is not closed."""
    with _alone(config, folder) as (case, said):
        if case.state.closed is None:
            raise UsageError("the case is not closed", "`connector show CASE` says how it stands.")
        transitions.reopen(case)
        facts = facts_of(case, now)
        said(facts.state.value, int(exit_codes(facts)[0]))
        return standing(case, now)


@contextmanager
def _alone(config: Config, folder: Path) -> Iterator[tuple[CaseFile, Callable[[str, int], None]]]:
    """The case file, as its one writer, and how to tell the ledger state and exit code."""
    with only_one(folder / "lock", "this case"), CaseFile.open(folder) as case:
        ledger = Ledger(config.ledger_url(), config.store.path / "ledger.key")
        try:
            ends = case.state.route or {}
            ids = ends.get("source_id", ""), ends.get("destination_id", "")
            due = need_of(case).due or datetime.now(UTC)
            fence = ledger.take(folder.name, *ids, instant(due))
            case.take(fence)
            yield case, lambda state, code: ledger.set_state(folder.name, fence, state, code)
        finally:
            ledger.close()
