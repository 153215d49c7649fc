"""FHIR resources in files, one after the other: JSON or NDJSON under any name, packed or not.

What a file is, its content says: NDJSON is read line by line, one JSON value whole (up to a
limit) and cut without parsing. Files are read again and again rather than held.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...fhir.lossless import UndecodableError, elements, members
from ...fhir.salvage import elements as roughly_elements
from ...fhir.salvage import members as roughly_members
from ...gap import GapKind
from ..records import Problem
from .history import Deleted
from .not_taken import Place, Told, Untaken
from .open import Piece, listed, pieces, reading
from .resources import MALFORMED, Given, Part, parts
from .unpack import Stream

_NDJSON = (".ndjson", ".jsonl")
_JSON = (".json", *_NDJSON)
_BOM = b"\xef\xbb\xbf"
_HEAD = 4096
_BLANK_MAX = 10_000  # lines in a row

CCDA = Problem(GapKind.REFUSED, "a C-CDA document (XML): only FHIR R4 as JSON can be read")
XML = Problem(GapKind.REFUSED, "an XML file: only FHIR R4 as JSON can be read")
_OTHER_SORT = Problem(GapKind.NOT_ASKED, "no JSON, so not FHIR JSON")


class Files:
    """The files of a source, to be read again and again. `bytes_max`: one JSON value, or line."""

    def __init__(self, root: Path, bytes_max: int) -> None:
        self.root = root
        self._bytes_max = bytes_max
        found = listed(root)
        self.paths = [item for item in found if isinstance(item, Path)]
        self.barred = [item for item in found if isinstance(item, Untaken)]

    def each(self, path: Path) -> Iterator[Part]:
        """What one file holds, and what of it is not taken."""
        for piece in pieces(self.root, path):
            if isinstance(piece, Untaken):
                yield piece
                continue
            with reading(piece.name) as broken:
                yield from _read(piece, self._bytes_max)
            yield from broken

    def all(self) -> Iterator[Part]:
        """Everything, in one order."""
        yield from self.barred
        for path in self.paths:
            yield from self.each(path)

    def of_type(self, resource_type: str) -> Iterator[Given]:
        """All readable resources of one type; what is wrong with others is told elsewhere."""
        hint = f'"{resource_type}"'.encode()
        for found in self.all():
            if isinstance(found, Given) and hint in found.body and found.type == resource_type:
                yield found


@dataclass(frozen=True, slots=True)
class Survey:
    """What files hold, counted: resources by type, problems by their words."""

    files: int
    types: Counter[str]
    problems: Counter[str]


def survey(path: Path, bytes_max: int) -> Survey:
    """Look through the files of a source. `SourceFailed` if there are none."""
    files = Files(path, bytes_max)
    found = Survey(len(files.paths), Counter(), Counter())
    told = Told()
    for part in files.all():
        if isinstance(part, Untaken):
            told.add(part)
        elif isinstance(part, Given) and (kind := part.type) is None:
            told.add(Untaken(MALFORMED, part.place))
        elif isinstance(part, Given) and kind is not None:
            found.types[kind] += 1
    found.problems.update(told.reasons())
    return found


def _read(piece: Piece, bytes_max: int) -> Iterator[Part]:
    """The parts of one file. Its first line shows whether it is NDJSON."""
    name, stream, place = piece.name, piece.stream, Place(piece.name)
    lowered = name.lower().removesuffix(".gz")
    line, number = _next(stream, bytes_max, 0)
    first = _plain(line)
    begins = first[:1]
    if begins == b"<":
        head = first + stream.read(_HEAD)
        yield Untaken(CCDA if b"ClinicalDocument" in head[:_HEAD] else XML, place)
    elif begins in (b"{", b"[") and _is_json(first):
        yield from _first_and_more(stream, bytes_max, place, number, first)
    elif begins in (b"{", b"["):
        yield from _whole(stream, bytes_max, place, number, line)
    elif first and lowered.endswith(_NDJSON):
        yield from _lines(stream, bytes_max, place, number, line)
    elif first:
        yield Untaken(MALFORMED if lowered.endswith(_JSON) else _OTHER_SORT, place)


def _first_and_more(
    stream: Stream, bytes_max: int, place: Place, number: int, first: bytes
) -> Iterator[Part]:
    """A line that is a whole JSON value: the only one, or the first of NDJSON."""
    more, at = _next(stream, bytes_max, number)
    if more:
        yield from parts(first, place.within("line", number))
        yield from _lines(stream, bytes_max, place, at, more)
    else:
        yield from parts(first, place)


def _whole(
    stream: Stream, bytes_max: int, place: Place, number: int, first: bytes
) -> Iterator[Part]:
    """One value over many lines; or NDJSON, though its first line is broken."""
    data = first + stream.read(max(0, bytes_max + 1 - len(first)))
    plain = _plain(data)
    if len(data) <= bytes_max and _is_json(plain, roughly=True):
        yield from parts(plain, place)
        return
    lines = data.split(b"\n")
    if any(_is_resource(line) for line in lines[1:]):
        whole = lines[:-1] if len(data) > bytes_max else lines
        yield from _each_line(whole, place, number)
        rest = lines[-1] + stream.readline(bytes_max + 1) if len(data) > bytes_max else b""
        yield from _lines(stream, bytes_max, place, number + len(whole), rest)
    else:
        yield Untaken(_too_large(bytes_max) if len(data) > bytes_max else MALFORMED, place)


def _lines(
    stream: Stream, bytes_max: int, place: Place, number: int, line: bytes
) -> Iterator[Part]:
    """NDJSON from `line` on, which is the `number`th of the file."""
    while line:
        if len(line) > bytes_max and not line.endswith(b"\n"):
            yield Untaken(_too_large(bytes_max), place.within("line", number))
            while line and not line.endswith(b"\n"):
                line = stream.readline(bytes_max)
        else:
            yield from _each_line([line], place, number)
        line, number = _next(stream, bytes_max, number)


def _next(stream: Stream, bytes_max: int, number: int) -> tuple[bytes, int]:
    """The next line with something on it, and its number; nothing at the end."""
    for at in range(number + 1, number + _BLANK_MAX):
        line = stream.readline(bytes_max + 1)
        if not line or _plain(line):
            return line, at
    raise OSError("nothing but blank lines")  # told as a file that can't be read to its end


def _each_line(lines: list[bytes], place: Place, number: int) -> Iterator[Part]:
    for at, line in enumerate(lines, number):
        if plain := _plain(line):
            yield from parts(plain, place.within("line", at))


def _is_json(data: bytes, *, roughly: bool = False) -> bool:
    """Whether `data` is one object or array; `roughly`: its brackets and quotes match."""
    listed_ = data.startswith(b"[")
    try:
        (elements if listed_ else members)(data)
    except UndecodableError:
        if not roughly:
            return False
    else:
        return True
    try:
        (roughly_elements if listed_ else roughly_members)(data)
    except UndecodableError:
        return False
    return True


def _is_resource(line: bytes) -> bool:
    try:
        return b'"resourceType"' in line and "resourceType" in members(line)
    except UndecodableError:
        return False


def _too_large(bytes_max: int) -> Problem:
    return Problem(GapKind.FAILED, f"more than {bytes_max} bytes in one piece (page_bytes_max)")


def _plain(data: bytes) -> bytes:
    return data.strip().removeprefix(_BOM).strip().lstrip(b"\x1e")


__all__ = ["Deleted", "Files", "Given", "Part", "Survey", "survey"]
