"""The packet as a zip put into a folder that others watch: a share, a mount, a pick-up folder.

Written under a hidden name, flushed, read back from there, and only then given its own name: who
watches never sees a part of it. The name is the packet's hash, so the same packet is the same file.
Nobody can be asked there who the patient is.
"""

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ...errors import DestinationRefused, ReadBackDiffers
from ...store.case.state import required
from ...store.case.transitions import announced
from ...store.sent import delivery
from .. import unknown_outcome
from ..session import Session
from ..wire.write import intend, put_file, settle
from . import bundle

DOCUMENT = "bundle.json"
_WHAT = "the file"
_MODE = 0o640  # who takes it reads it by the group of the folder
_PIECE = 1 << 18


def verify(session: Session) -> None:
    """Compare the file with the one that was put there. `ReadBackDiffers`.

    One that is not there any more was taken, as it should be: its rows say so.
    """
    found = look(session, required(session.case.state.file))
    same = found is None or found[1]
    note = "" if found else "not in the folder any more: whoever watches it took it"
    _mark(session, "verified" if same else "differs", note)
    if not same:
        raise _differs()


def look(session: Session, kept: dict[str, Any]) -> tuple[Path, bool] | None:
    """Where the file stands, and whether it is as it was put. None: it is not there."""
    with _on_disk():
        path = _folder(session) / str(kept.get("name"))
        return (path, _sha256(path) == kept["sha256"]) if path.is_file() else None


class File:
    """The zip on its way. `_kept` (`state.file`): its name and hash, and whether it was put.

    When it is there, sets in the state: `file` (name, sha256), `whole` and `announced_at`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._proved = ("verified", "")  # status and note
        self.name = f"{session.case.state.packet_hash}.zip"
        with _on_disk():
            folder = _folder(session)
        self._target, self._part = folder / self.name, folder / f".{self.name}"
        kept = session.case.state.file or {}
        self._kept: dict[str, Any] = kept if kept.get("name") == self.name else {}

    def was_put(self, now: str) -> bool:
        """Settle what an earlier run did. Raises `Held` if nobody can know, `ReadBackDiffers`."""
        with _on_disk():
            was = self._was_put()
        if was:
            self._arrived(now)
        return was

    def put(
        self,
        write: Callable[[Path], None],
        document: Callable[[], Iterable[bytes]],
        now: str,
    ) -> None:
        """Put the packet there. `write` makes the zip at a path; `document` renders its bundle.json
        once more, to compare with. `now`: FHIR dateTime.

        Raises `DestinationRefused`, `ReadBackDiffers`.
        """
        with _on_disk():
            self._make(write, document)
            self._put()
        self._arrived(now)

    def _arrived(self, now: str) -> None:
        session = self._session
        with session.case.commit():
            unknown_outcome.settled(session)
            session.case.state.whole = {"place": self.name, "version": None}
            _mark(session, *self._proved)
            announced(session.case, now)

    def _was_put(self) -> bool:
        session = self._session
        if not self._kept:
            return False
        if self._target.exists():
            self._same()
        elif self._part.exists():
            return False  # it had not been put yet
        elif (said := unknown_outcome.told(session)) is None:
            raise unknown_outcome.in_doubt(
                session, _WHAT, "a run ended as it was put, and it is not there now"
            )
        elif said == "absent":
            self._keep({})
            return False
        else:
            self._proved = ("accepted", unknown_outcome.ARRIVED)
        settle(session)
        return True

    def _make(self, write: Callable[[Path], None], document: Callable[[], Iterable[bytes]]) -> None:
        """Write it under its hidden name, and read it back."""
        self._part.unlink(missing_ok=True)
        write(self._part)
        self._part.chmod(_MODE)
        _flush(self._part.parent)
        with zipfile.ZipFile(self._part) as archive, archive.open(DOCUMENT) as file:
            if archive.testzip() is not None or _digest(file) != _digest_of(document()):
                raise _differs()

    def _put(self) -> None:
        """Give it its name: from here on it is theirs."""
        session, sha256 = self._session, _sha256(self._part)
        going = bundle.going(session)
        stands = self._target.exists()  # put by another store, or not ours at all

        def holds() -> int:
            number = intend(session, going)
            self._keep({"name": self.name, "sha256": sha256})
            if stands:
                self._same()
            return number

        def put() -> None:
            if stands:
                self._part.unlink()
            else:
                self._part.rename(self._target)
            _flush(self._target.parent)

        put_file(session, sha256, len(going), put, holds)

    def _same(self) -> None:
        if _sha256(self._target) != self._kept["sha256"]:
            raise _differs()

    def _keep(self, kept: dict[str, Any]) -> None:
        self._kept = kept
        with self._session.case.commit():
            self._session.case.state.file = kept or None
            unknown_outcome.settled(self._session)


def _mark(session: Session, status: str, note: str) -> None:
    """Say the same of every entry: the file's hash is the proof of each."""
    rows = delivery.deliveries(session.case)
    delivery.read_back(
        session.case, ((row.type, row.id, status, None, None, None, note) for row in rows)
    )


def _folder(session: Session) -> Path:
    folder = session.settings.folder
    assert folder is not None
    if not folder.is_dir():  # never made by us: a share that is not mounted is no place to write to
        raise DestinationRefused(
            "the folder of the destination is not there",
            "Mount it, or correct `folder` in connector.toml.",
        )
    return folder


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return _digest(file)


def _digest(file: IO[bytes]) -> str:
    return _digest_of(iter(lambda: file.read(_PIECE), b""))


def _digest_of(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _flush(folder: Path) -> None:
    """The names in `folder` onto its disk; some shares know no such thing."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _differs() -> ReadBackDiffers:
    return ReadBackDiffers(
        "the file in the folder of the destination is not the one that was written",
        "Look at that disk or share; a file of theirs under our name has to be moved away.",
    )


@contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except (OSError, zipfile.BadZipFile) as error:
        why = error.strerror if isinstance(error, OSError) else "it does not keep what is written"
        raise DestinationRefused(
            f"the folder of the destination: {why}",
            "Check its permissions and space; then run the same command again.",
        ) from None
