"""Which files there are, and their bytes: unpacked, bounded, and what no JSON can be in is named.

Only regular files are opened. What is packed is read as a stream and only up to a multiple of its
size, so that a small file can't keep us busy for ever.
"""

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ...errors import SourceFailed
from ...gap import GapKind
from ..records import Problem
from .not_taken import Place, Untaken, printable
from .unpack import (
    _OFFICE,
    GZIP,
    INNER,
    RATIO_MAX,
    UNPACK,
    ZIP,
    Bounded,
    Stream,
    SwollenError,
    list_bytes,
    sort_of,
    unpacked,
)

_LIST_MAX = 5_000_000  # bytes of the list in a zip, which is held in memory: 50,000 files or so
_HEAD = 512

BROKEN = Problem(GapKind.FAILED, "could not be read to its end")
_CLOSED = Problem(GapKind.FAILED, "may not be read, or is not there any more")
_NOT_REGULAR = Problem(
    GapKind.FAILED, "neither a file nor a folder (a pipe or a device): not opened"
)
_LINK = Problem(GapKind.FAILED, "a link to a folder: not followed")
_SWOLLEN = Problem(
    GapKind.FAILED, f"unpacks to more than {RATIO_MAX} times its size: read no further"
)
_LOCKED = Problem(GapKind.REFUSED, "locked with a password: unpack it")
_TOO_MANY = Problem(GapKind.REFUSED, "a zip of too many files: unpack it")


class Piece(NamedTuple):
    """The unpacked bytes of one file, or of one member of a zip. `name`: below the folder."""

    name: str
    stream: Stream


def listed(path: Path) -> list[Path | Untaken]:
    """The files to read, in one order. What begins with a dot is passed over, and never told.

    `SourceFailed` if there is none.
    """
    found: list[Path | Untaken] = []
    if path.is_dir():
        barred: list[OSError] = []
        for folder, inside, names in os.walk(path, onerror=barred.append):
            inside[:] = sorted(name for name in inside if not _hidden(name))
            here = Path(folder)
            for name in inside:
                if (here / name).is_symlink():
                    found.append(Untaken(_LINK, Place(_named(path, here / name))))
            found += [here / name for name in sorted(names) if not _hidden(name)]
        for error in barred:
            found.append(Untaken(_CLOSED, Place(_named(path, Path(error.filename)))))
    elif path.is_file():
        found = [path]
    if not any(isinstance(item, Path) for item in found):
        raise SourceFailed(
            "the source's files are not there",
            "Check `files`: a Bundle (.json, .json.gz, .zip), or a folder of Bundles or NDJSON.",
        )
    return found


def pieces(root: Path, path: Path) -> Iterator[Piece | Untaken]:
    """The bytes of one file that may hold JSON or XML, or why they are not looked at.

    A zip gives one piece for each file in it. Each is to be read before the next is asked for.
    """
    name = _named(root, path)
    try:
        with _opened(path) as raw:
            if raw is None:
                yield Untaken(_NOT_REGULAR, Place(name))
            elif raw.peek(4)[:4] == ZIP:
                yield from _members(name, raw)
            else:
                yield from _piece(name, raw, os.fstat(raw.fileno()).st_size)
    except OSError:
        yield Untaken(_CLOSED, Place(name))


@contextmanager
def reading(name: str) -> Iterator[list[Untaken]]:
    """Around the reading of a piece: what breaks it off is put into the list."""
    broken: list[Untaken] = []
    try:
        yield broken
    except SwollenError:
        broken.append(Untaken(_SWOLLEN, Place(name)))
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile):
        broken.append(Untaken(BROKEN, Place(name)))


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader | None]:
    # Without waiting: a pipe that nobody writes to would be waited for.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as raw:
        yield raw if stat.S_ISREG(os.fstat(raw.fileno()).st_mode) else None


def _members(name: str, raw: BinaryIO) -> Iterator[Piece | Untaken]:
    place = Place(name)
    try:
        if list_bytes(raw) > _LIST_MAX:
            yield Untaken(_TOO_MANY, place)
            return
        archive = zipfile.ZipFile(raw)
    except (zipfile.BadZipFile, OSError, ValueError):
        yield Untaken(BROKEN, place)
        return
    with archive:
        inside = [i for i in archive.infolist() if not i.is_dir() and not _passed_over(i.filename)]
        if any(i.filename == "[Content_Types].xml" for i in inside):
            yield Untaken(_OFFICE, place)
            return
        if sum(i.compress_size for i in inside) > os.fstat(raw.fileno()).st_size:
            yield Untaken(_SWOLLEN, place)  # its files overlap
            return
        for info in inside:
            yield from _member(f"{name}: {printable(info.filename)}", archive, info)


def _member(
    name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo
) -> Iterator[Piece | Untaken]:
    if info.flag_bits & 1:
        yield Untaken(_LOCKED, Place(name))
        return
    try:
        with archive.open(info) as stream:
            bounded = Bounded(stream, info.compress_size)  # type: ignore[arg-type]
            if bounded.peek(4) == ZIP:
                yield Untaken(INNER, Place(name))
            else:
                yield from _piece(name, bounded, info.compress_size)
    except (NotImplementedError, RuntimeError):
        yield Untaken(UNPACK, Place(name))
    except (zipfile.BadZipFile, OSError):
        yield Untaken(BROKEN, Place(name))


def _piece(name: str, raw: Stream, size: int) -> Iterator[Piece | Untaken]:
    """One file, unpacked, and looked at: is it of a sort that can be JSON?"""
    with reading(name) as broken:
        stream = raw
        if stream.peek(2)[:2] == GZIP:
            stream = Bounded(unpacked(raw), size)
        head = bytes(stream.peek(_HEAD)[:_HEAD])
        problem = sort_of(head)
        if problem is None:
            yield Piece(name, stream)
        else:
            yield Untaken(problem, Place(name))
    yield from broken


def _named(root: Path, path: Path) -> str:
    below = path.relative_to(root) if path != root else Path(path.name)
    return printable(below.as_posix())


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _passed_over(member: str) -> bool:
    return any(map(_hidden, member.split("/")))
