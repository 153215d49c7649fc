"""Which files there are, and their bytes: unpacked, bounded, and what no JSON can be in is named.

Only regular files are opened. What is packed is read as a stream and only up to a multiple of its
size, so that a small file can't keep us busy for ever.
"""

import gzip
import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast

from ...errors import SourceFailed
from ...gap import GapKind
from ..records import Problem
from .not_taken import Place, Untaken, printable

_RATIO_MAX = 200  # of unpacked to packed: charts as JSON pack to a twentieth, bombs to a thousandth
_SPARE = 1_000_000
_LIST_MAX = 5_000_000  # bytes of the list in a zip, which is held in memory: 50,000 files or so
_HEAD = 512
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_OTHER_SORTS = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"II*\x00", "an image"),
    (b"MM\x00*", "an image"),
    (b"GIF8", "an image"),
    (b"{\\rtf", "an RTF document"),
    (b"SQLite format 3\x00", "a database"),
)
_PACKED = (b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"PK\x05\x06")
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff", b"{\x00", b"\x00{", b"[\x00", b"\x00[")

BROKEN = Problem(GapKind.FAILED, "could not be read to its end")
_CLOSED = Problem(GapKind.FAILED, "may not be read, or is not there any more")
_NOT_REGULAR = Problem(
    GapKind.FAILED, "neither a file nor a folder (a pipe or a device): not opened"
)
_LINK = Problem(GapKind.FAILED, "a link to a folder: not followed")
_SWOLLEN = Problem(
    GapKind.FAILED, f"unpacks to more than {_RATIO_MAX} times its size: read no further"
)
_UNPACK = Problem(GapKind.REFUSED, "packed in a way that is not read (gzip and zip are): unpack it")
_LOCKED = Problem(GapKind.REFUSED, "locked with a password: unpack it")
_TOO_MANY = Problem(GapKind.REFUSED, "a zip of too many files: unpack it")
_INNER = Problem(GapKind.REFUSED, "a zip inside a zip: unpack it")
_OFFICE = Problem(GapKind.NOT_ASKED, "an office document, not FHIR")
_ENCODING = Problem(GapKind.REFUSED, "UTF-16 or UTF-32 text, FHIR JSON is UTF-8: convert it")


class Stream(Protocol):
    """What buffered, gzip and zip streams have in common."""

    def peek(self, size: int, /) -> bytes: ...
    def read(self, size: int = ..., /) -> bytes: ...
    def readline(self, size: int = ..., /) -> bytes: ...


class Piece(NamedTuple):
    """The unpacked bytes of one file, or of one member of a zip. `name`: below the folder."""

    name: str
    stream: Stream


class _SwollenError(Exception):
    """More came out of a packed file than can be in it rightly."""


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
            elif raw.peek(4)[:4] == _ZIP:
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
    except _SwollenError:
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
        if _list_bytes(raw) > _LIST_MAX:
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
            bounded = _Bounded(stream, info.compress_size)  # type: ignore[arg-type]
            if bounded.peek(4) == _ZIP:
                yield Untaken(_INNER, Place(name))
            else:
                yield from _piece(name, bounded, info.compress_size)
    except (NotImplementedError, RuntimeError):
        yield Untaken(_UNPACK, Place(name))
    except (zipfile.BadZipFile, OSError):
        yield Untaken(BROKEN, Place(name))


def _piece(name: str, raw: Stream, size: int) -> Iterator[Piece | Untaken]:
    """One file, unpacked, and looked at: is it of a sort that can be JSON?"""
    with reading(name) as broken:
        stream = raw
        if stream.peek(2)[:2] == _GZIP:
            stream = _Bounded(_unpacked(raw), size)
        head = bytes(stream.peek(_HEAD)[:_HEAD])
        problem = _sort(head)
        if problem is None:
            yield Piece(name, stream)
        else:
            yield Untaken(problem, Place(name))
    yield from broken


def _unpacked(raw: Stream) -> Stream:
    return gzip.GzipFile(fileobj=cast(BinaryIO, raw), mode="rb")


def _sort(head: bytes) -> Problem | None:
    """Why bytes that begin so are not read on; None if they may be JSON or XML."""
    if head.startswith(_UTF16):
        return _ENCODING
    if head.startswith((*_PACKED, _GZIP, _ZIP)) or head[257:262] == b"ustar":
        return _UNPACK
    for begins, sort in _OTHER_SORTS:
        if head.startswith(begins):
            return Problem(GapKind.NOT_ASKED, f"{sort}, not FHIR")
    if b"\x00" in head:
        return Problem(GapKind.NOT_ASKED, "not text, so not FHIR JSON")
    return None


def _list_bytes(raw: BinaryIO) -> int:
    """How long the list of a zip is by its own word (APPNOTE 4.3.14, 4.3.16), before it is read."""
    end = raw.seek(0, os.SEEK_END)
    raw.seek(max(0, end - 66_000))
    tail = raw.read()
    raw.seek(0)
    said = [
        int.from_bytes(tail[at + begin : at + stop], "little")
        for mark, begin, stop in ((b"PK\x05\x06", 12, 16), (b"PK\x06\x06", 40, 48))
        if (at := tail.rfind(mark)) >= 0
    ]
    return max((size for size in said if size != 0xFFFFFFFF), default=0)


class _Bounded:
    """A stream of unpacked bytes that ends in `_SwollenError` rather than never."""

    def __init__(self, stream: Stream, packed: int) -> None:
        self._stream = stream
        self._left = packed * _RATIO_MAX + _SPARE

    def peek(self, size: int = 1) -> bytes:
        return self._stream.peek(size)[:size]

    def read(self, size: int = -1) -> bytes:
        return self._counted(self._stream.read(min(size, self._left + 1) if size >= 0 else size))

    def readline(self, size: int = -1) -> bytes:
        return self._counted(self._stream.readline(size))

    def seekable(self) -> bool:
        return False

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise _SwollenError
        return data


def _named(root: Path, path: Path) -> str:
    below = path.relative_to(root) if path != root else Path(path.name)
    return printable(below.as_posix())


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _passed_over(member: str) -> bool:
    return any(map(_hidden, member.split("/")))
