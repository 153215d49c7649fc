"""FHIR resources in files, one after the other: Bundles, NDJSON, single resources; gzip or not.

A Bundle is read whole (up to a limit) and cut without parsing; NDJSON is read line by line. Names
of such files often hold a patient's name: no message holds one.
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import SourceFailed
from ..fhir import bundle
from ..fhir.lossless import UndecodableError, decode, encode, members
from ..fhir.record import peek
from .records import UNREADABLE, Problem

_NDJSON = {".ndjson", ".jsonl"}
_READ = {".json", ".xml", *_NDJSON}
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_HEAD = 4096

BROKEN = Problem("failed", "a file could not be read to its end")
CCDA = Problem("refused", "a C-CDA document (XML): only FHIR R4 as JSON can be read")
XML = Problem("refused", "an XML file: only FHIR R4 as JSON can be read")


class Given(NamedTuple):
    """One resource as it stands in a file. `full_url`: what its Bundle calls it, or nothing."""

    full_url: str
    body: bytes

    @property
    def type(self) -> str | None:
        """None if it can't be read, or has no type or id."""
        try:
            return peek(self.body).type
        except UndecodableError:
            return None


def listed(path: Path) -> list[Path]:
    """The files to read, in one order. `SourceFailed` if there is none."""
    found = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    fit = [p for p in found if not path.is_dir() or _kind(p) in _READ]
    if not fit or not all(p.is_file() for p in fit):
        raise SourceFailed(
            "the source's files are not there",
            "Check `files`: a Bundle (.json, .json.gz), or a folder of Bundles or NDJSON.",
        )
    return fit


def resources(path: Path, bytes_max: int) -> Iterator[Given | Problem]:
    """What a file holds, or what is wrong with it. `bytes_max`: one Bundle, or one line."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            if packed:
                with gzip.open(raw) as stream:
                    yield from _read(stream, _kind(path), bytes_max)  # type: ignore[arg-type]
            else:
                yield from _read(raw, _kind(path), bytes_max)
    except (OSError, EOFError, zlib.error):
        yield BROKEN


class Files:
    """The files of a source, to be read again and again. `bytes_max`: one Bundle, or one line."""

    def __init__(self, path: Path, bytes_max: int) -> None:
        self.paths = listed(path)
        self._bytes_max = bytes_max

    def each(self, path: Path) -> Iterator[Given | Problem]:
        return resources(path, self._bytes_max)

    def of_type(self, resource_type: str) -> Iterator[Given]:
        """All readable resources of one type; what is wrong with others is told elsewhere."""
        hint = f'"{resource_type}"'.encode()
        for path in self.paths:
            for found in self.each(path):
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
    for one in files.paths:
        for given in files.each(one):
            if isinstance(given, Problem):
                found.problems[given.why] += 1
            elif (kind := given.type) is None:
                found.problems[UNREADABLE.why] += 1
            else:
                found.types[kind] += 1
    return found


def _kind(path: Path) -> str:
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return plain.suffix.lower()


def _read(stream: BinaryIO, kind: str, bytes_max: int) -> Iterator[Given | Problem]:
    too_large = Problem("failed", f"more than {bytes_max} bytes in one piece (page_bytes_max)")
    if kind in _NDJSON:
        yield from _lines(stream, bytes_max, too_large)
        return
    data = stream.read(bytes_max + 1).removeprefix(_BOM).strip()
    if data.startswith(b"<"):
        yield CCDA if b"ClinicalDocument" in data[:_HEAD] else XML
    elif len(data) > bytes_max:
        yield too_large
    elif data:
        yield from _whole(data)


def _lines(stream: BinaryIO, bytes_max: int, too_large: Problem) -> Iterator[Given | Problem]:
    while line := stream.readline(bytes_max + 1):
        if len(line) > bytes_max and not line.endswith(b"\n"):
            yield too_large
            while line and not line.endswith(b"\n"):
                line = stream.readline(bytes_max)
        elif line := line.removeprefix(_BOM).strip():
            yield _one("", line)


def _whole(data: bytes) -> Iterator[Given | Problem]:
    try:
        top = members(data)
        kind = decode(top["resourceType"]) if "resourceType" in top else None
    except UndecodableError:
        kind = "Bundle"  # cut roughly, so that a broken record fails alone
    if kind != "Bundle":
        if kind is not None:  # JSON of another sort (a manifest, settings) is not for us
            yield _one("", data)
        return
    try:
        for full_url, body in bundle.entries(data):
            yield UNREADABLE if body is None else _one(full_url, body)
    except UndecodableError:
        yield BROKEN


def _one(full_url: str, body: bytes) -> Given | Problem:
    """A resource; one that has no id gets the UUID that its Bundle calls it by (bundle.html)."""
    try:
        top = members(body)
    except UndecodableError:
        return UNREADABLE
    if "id" not in top and full_url.startswith("urn:uuid:"):
        body = b'{"id":' + encode(full_url.removeprefix("urn:uuid:")) + b"," + body.lstrip()[1:]
    return Given(full_url, body)
