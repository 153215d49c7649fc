"""Cases that nobody works on any more, though nothing of them was delivered yet."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ..case import ARRIVED
from ..config import Config
from ..job import case_folder
from ..store.case.casefile import CaseFile
from ..store.ledger.ledger import Ledger
from ..store.status.standing import Standing, facts_of, standing


def left_over(
    config: Config, folder: Path, visited: set[str], now: datetime
) -> Iterator[tuple[str, Standing]]:
    """Each such case, with the name of its request file, which is gone or of this `folder`.

    One whose file stands in another folder is told by whoever runs over that.
    """
    ledger = Ledger(config.ledger_url(), config.store.path / "ledger.key")
    try:
        rows = ledger.cases()
    finally:
        ledger.close()
    for row in rows:
        # By exit code 0 the ledger knows those that are closed or taken back.
        if row.handle in visited or row.exit_code == 0 or row.state in ARRIVED:
            continue
        place = case_folder(config, row.handle)
        if not (place / "case.db").exists():
            continue
        with CaseFile.open(place) as case:
            name = case.state.request_file
            if name is None or not facts_of(case, now).waited:
                continue
            if not Path(name).exists() or Path(name).parent.resolve() == folder.resolve():
                yield Path(name).name, standing(case, now)
