"""The packet as files that the patient carries: to read, to load, and each document by itself."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO, Any

from ...fhir import base64binary
from ...fhir.attachments import attachment_nodes
from ...fhir.lossless import decode
from ...fhir.shapes import as_text, items, objects_in
from ...store.case.casefile import CaseFile
from ...store.mapped import packet
from ...view import page
from ..author.composition import RECONCILE
from ..record import words
from .bundle import render

Open = Callable[[str], AbstractContextManager[IO[bytes]]]

_UNKNOWN = "not recorded"
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
    documents = list(_attachments(case, new))
    with new("bundle.json") as file:
        for piece in render(case, "document"):
            file.write(piece)
    values = {**_values(case), "documents": documents}
    with new("packet.html") as file:
        for text in page.page(values):
            file.write(words.plain(text).encode())
    with new("README.txt") as file:
        file.write(words.plain(page.readme(values)).encode())


def _attachments(case: CaseFile, new: Open) -> Iterator[dict[str, str]]:
    number = 0
    for resource_type, resource_id in packet.keys(case):
        entry = packet.entry(case, resource_type, resource_id)
        if entry is None or b'"data"' not in entry.body:
            continue
        resource = decode(entry.body)
        for attachment in reversed(list(attachment_nodes(resource))):  # it walks from the end
            if not isinstance(attachment.get("data"), str):
                continue
            kind = str(attachment.get("contentType", "")).partition(";")[0].strip().lower()
            content, name = base64binary.content(attachment["data"]), ""
            if content is not None:
                number += 1
                name = f"attachments/{number:03}{_ending(kind)}"
                with new(name) as file:
                    file.write(content)
            yield {
                "file": name,
                "title": as_text(attachment.get("title")) or words.title(resource),
                "type": (kind or "unknown type") if name else _NO_CONTENT,
                "date": as_text(resource.get("date") or resource.get("effectiveDateTime"))[:10],
            }


def _values(case: CaseFile) -> dict[str, Any]:
    """What the page says, from the packet's own entries."""
    contents, order, task = (
        _resource(packet.authored(case, name)) for name in ("Composition", "ServiceRequest", "Task")
    )
    office = _resource(packet.authored(case, "RecordsOffice"))
    patient = _resource(packet.entry(case, *contents["subject"]["reference"].split("/")))
    facts = [
        ("Patient", _name(patient)),
        ("Born", as_text(patient.get("birthDate")) or _UNKNOWN),
        ("Sent by", office["name"]),
        ("For", task["owner"].get("display", "")),
        ("Needed by", task["restriction"]["period"]["end"]),
        ("First meeting", order.get("occurrenceDateTime", "")),
        ("Prepared", contents["date"]),
    ]
    sections = [{"title": s["title"], "div": s["text"]["div"]} for s in contents["section"]]
    return {
        "title": contents["title"],
        "facts": [(label, text) for label, text in facts if text],
        "sections": sections,
        "caution": RECONCILE,
    }


def _resource(entry: packet.Entry | None) -> dict[str, Any]:
    assert entry is not None, "a packet has it"
    found: dict[str, Any] = decode(entry.body)
    return found


def _name(patient: dict[str, Any]) -> str:
    """The official name, else the first (R4 datatypes.html#HumanName)."""
    names = objects_in(patient.get("name"))
    names.sort(key=lambda name: name.get("use") != "official")
    for name in names[:1]:
        parts = [*items(name.get("given")), *items(name.get("family"))]  # DSTU2: a list
        return as_text(name.get("text")) or " ".join(filter(None, map(as_text, parts))) or _UNKNOWN
    return _UNKNOWN
