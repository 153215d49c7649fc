"""A packet written to a path, for another way than a push."""

import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

from ...errors import UsageError
from ...store.case.casefile import CaseFile
from ...store.case.state import required
from .bundle import render
from .files import put_files

Shape = Literal["transaction", "document", "message", "files"]


def write(
    case: CaseFile, shape: Shape, path: Path, ready: Callable[[], None] = lambda: None
) -> None:
    """Write the packet of a mapped case: a Bundle, or with `files` a folder, a zip if named so.

    Whole or not at all, mode 0600 (folders 0700). `ready` is called when all is written, before
    it stands at `path`. Raises `UsageError` if something is there already, what `render` raises.
    """
    if path.exists():
        raise UsageError(f"{path}: it is there already", "Remove it, or choose another path.")
    part = path.with_name(path.name + ".part")
    _remove(part)
    try:
        if shape != "files":
            with _private(part) as file:
                for piece in render(case, shape):
                    file.write(piece)
        elif path.suffix == ".zip":
            _zip(case, part)
        else:
            _folder(case, part)
        ready()
        part.rename(path)
    finally:
        _remove(part)


def _folder(case: CaseFile, folder: Path) -> None:
    folder.mkdir(mode=0o700)

    @contextmanager
    def new(name: str) -> Iterator[IO[bytes]]:
        (folder / name).parent.mkdir(mode=0o700, exist_ok=True)
        with _private(folder / name) as file:
            yield file

    put_files(case, new)


def _zip(case: CaseFile, path: Path) -> None:
    # The case's own time, in UTC: a zip holds the time of each file, and ours has no other clock.
    when = datetime.fromisoformat(required(case.state.envelope)["timestamp"]).astimezone(UTC)

    with _private(path) as out, zipfile.ZipFile(out, "w") as archive:

        @contextmanager
        def new(name: str) -> Iterator[IO[bytes]]:
            info = zipfile.ZipInfo(name, when.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, wherever it is made
            info.external_attr = 0o600 << 16
            with archive.open(info, "w", force_zip64=True) as file:
                yield file

        put_files(case, new)


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
