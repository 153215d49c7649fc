"""The packet as files that the patient carries: to read, to load, and each document by itself."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO

from ...fhir import base64binary
from ...fhir.attachments import attachment_nodes
from ...fhir.lossless import decode
from ...fhir.shapes import as_text
from ...store.case.casefile import CaseFile
from ...store.mapped import packet
from ...view import page
from ..record import words
from . import read
from .bundle import render
from .texts import kind_of

Open = Callable[[str], AbstractContextManager[IO[bytes]]]

_NO_CONTENT = "what the record holds can't be read as a file: ask the sender for it"
# Not what the system's own list of media types says: the same packet has the same names anywhere.
# What a browser would run scripts of (HTML, and XML, which may be either) is written as text: the
# bytes are the source's own, and nothing in them happens when the file is opened.
_ENDINGS = {
    "application/pdf": ".pdf",
    "application/rtf": ".rtf",
    "application/dicom": ".dcm",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "text/plain": ".txt",
    "text/rtf": ".rtf",
}
_AS_TEXT = {"text/html": ".html.txt", "application/xhtml+xml": ".html.txt"}


def _ending(kind: str) -> str:
    if kind in _AS_TEXT:
        return _AS_TEXT[kind]
    if kind.endswith(("/xml", "+xml")):
        return ".xml.txt"
    return _ENDINGS.get(kind, ".bin")


def put_files(case: CaseFile, new: Open) -> None:
    """Write every file of the packet; `new` opens one by its name, with `/` between folders.

    One record is in memory at a time. The same packet gives the same names and bytes.
    """
    found = list(_attachments(case, new))
    documents = [document for _, document in found]
    with new("bundle.json") as file:
        for piece in render(case, "document"):
            file.write(piece)
    files: dict[str, list[str]] = {}
    for reference, document in found:
        files.setdefault(reference, []).append(document["file"])
    values = {**read.values(case), "documents": documents}
    with new("packet.html") as file:
        for text in page.page(values, lambda records: read.texts_of(case, records, files)):
            file.write(words.plain(text).encode())
    with new("README.txt") as file:
        file.write(words.plain(page.readme(values)).encode())


def _attachments(case: CaseFile, new: Open) -> Iterator[tuple[str, dict[str, str]]]:
    """Of every attachment its record's reference, and what the list of documents says of it."""
    number = 0
    for resource_type, resource_id in packet.keys(case):
        entry = packet.entry(case, resource_type, resource_id)
        if entry is None or b'"data"' not in entry.body:
            continue
        resource = decode(entry.body)
        for attachment in reversed(list(attachment_nodes(resource))):  # it walks from the end
            if not isinstance(attachment.get("data"), str):
                continue
            kind = kind_of(attachment)
            content, name = base64binary.content(attachment["data"]), ""
            if content is not None:
                number += 1
                name = f"attachments/{number:03}{_ending(kind)}"
                with new(name) as file:
                    file.write(content)
            document = {
                "file": name,
                "title": as_text(attachment.get("title")) or words.title(resource),
                "type": (kind or "unknown type") if name else _NO_CONTENT,
                "date": as_text(resource.get("date") or resource.get("effectiveDateTime"))[:10],
            }
            yield f"{resource_type}/{resource_id}", document
