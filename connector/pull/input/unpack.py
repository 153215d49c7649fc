"""Files that are packed, and what is no FHIR by its first bytes. Sizes are bounded."""

import gzip
import os
from typing import BinaryIO, Protocol, cast

from ...gap import GapKind
from ..records import Problem

RATIO_MAX = 200  # of unpacked to packed: charts as JSON pack to a twentieth, bombs to a thousandth
_SPARE = 1_000_000
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
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
UNPACK = Problem(GapKind.REFUSED, "packed in a way that is not read (gzip and zip are): unpack it")
INNER = Problem(GapKind.REFUSED, "a zip inside a zip: unpack it")
_OFFICE = Problem(GapKind.NOT_ASKED, "an office document, not FHIR")
_ENCODING = Problem(GapKind.REFUSED, "UTF-16 or UTF-32 text, FHIR JSON is UTF-8: convert it")

_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff", b"{\x00", b"\x00{", b"[\x00", b"\x00[")


class Stream(Protocol):
    """What buffered, gzip and zip streams have in common."""

    def peek(self, size: int, /) -> bytes: ...
    def read(self, size: int = ..., /) -> bytes: ...
    def readline(self, size: int = ..., /) -> bytes: ...


class SwollenError(Exception):
    """More came out of a packed file than can be in it rightly."""


def unpacked(raw: Stream) -> Stream:
    """What a gzip file holds."""
    return gzip.GzipFile(fileobj=cast(BinaryIO, raw), mode="rb")


def sort_of(head: bytes) -> Problem | None:
    """Why bytes that begin so are not read on; None if they may be JSON or XML."""
    if head.startswith(_UTF16):
        return _ENCODING
    if head.startswith((*_PACKED, GZIP, ZIP)) or head[257:262] == b"ustar":
        return UNPACK
    for begins, sort in _OTHER_SORTS:
        if head.startswith(begins):
            return Problem(GapKind.NOT_ASKED, f"{sort}, not FHIR")
    if b"\x00" in head:
        return Problem(GapKind.NOT_ASKED, "not text, so not FHIR JSON")
    return None


def list_bytes(raw: BinaryIO) -> int:
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


class Bounded:
    """A stream of unpacked bytes that ends in `_SwollenError` rather than never."""

    def __init__(self, stream: Stream, packed: int) -> None:
        self._stream = stream
        self._left = packed * RATIO_MAX + _SPARE

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
            raise SwollenError
        return data
