"""Cases that nobody works on any more, though nothing was delivered when it was needed."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ..config import Config
from ..deadline import due_at
from ..job import case_folder
from ..report import last_known
from ..store.ledger import Ledger
from ..store.standing import Standing


def left_over(
    config: Config, folder: Path, visited: set[str], now: datetime
) -> Iterator[tuple[str | None, Standing]]:
    """Each such case, with the name of its request file, which is gone or of this `folder`.

    One whose file stands in another folder is told by whoever runs over that.
    """
    ledger = Ledger(config.ledger_url(), config.store.path / "ledger.key")
    try:
        rows = ledger.cases()
    finally:
        ledger.close()
    for row in rows:
        # By exit code 0 the ledger knows those that are closed, taken back or delivered.
        if row.handle in visited or row.exit_code == 0 or due_at(row.due) >= now:
            continue
        stands = last_known(case_folder(config, row.handle), now)
        if stands is None or not stands.missed or stands.request_file is None:
            continue
        file = Path(stands.request_file)
        if not file.exists() or file.parent.resolve() == folder.resolve():
            yield file.name, stands
