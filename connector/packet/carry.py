"""Second pass: a record as the source sent it → the same record as it travels.

Most records stay bytes: id, tag and reference strings change, all else is what the source sent.
Only a record with an attachment to embed or a reference to cut is decoded, and no digit is lost.
"""

import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from ..fhir import references, systems
from ..fhir.ids import derived_id
from ..fhir.lossless import decode, encode
from ..fhir.record import with_identity
from ..fhir.references import Kind
from .attach import Attached, embed
from .cut import Withheld, cut
from .index import Links
from .twins import Note

# A conditional reference says itself which identifier it means.
_BY_IDENTIFIER = re.compile(r"\?identifier=([^|&]+)\|([^&]+)$")
_URI = "urn:ietf:rfc:3986"  # R4 identifier-registry: the value is a URI


class Fate(NamedTuple):
    """What becomes of a reference string: kept, another string, or an identifier."""

    string: str | None = None
    identifier: dict[str, str] | None = None


_KEPT = Fate()


class Carrier:
    """Puts records into packet form. Records are named by their keys (`Type/id`).

    `merged`: records told in another one. `notes`: DiagnosticReports whose attachment is in a
    DocumentReference that travels too.
    """

    def __init__(
        self,
        links: Links,
        source_id: uuid.UUID,
        travels: Collection[str],
        withheld: Withheld,
        merged: Mapping[str, str],
        notes: Mapping[str, Note],
        attached: Callable[[str], Attached | None],
        *,
        trim_provenance: bool,
    ) -> None:
        self._links = links
        self._source_id = source_id
        self._travels = travels
        self._withheld = withheld
        self._merged = merged
        self._notes = notes
        self._reports: dict[str, list[str]] = defaultdict(list)
        for report, note in notes.items():
            for document in note.documents:
                self._reports[document].append(report)
        self._attached = attached
        self._trim = trim_provenance
        self._packet_ids: dict[str, str] = {}

    def packet_id(self, key: str) -> str:
        """`Type/<derived id>` for `Type/id`."""
        if key not in self._packet_ids:
            resource_type, _, resource_id = key.partition("/")
            new_id = derived_id(self._source_id, resource_type, resource_id)
            self._packet_ids[key] = f"{resource_type}/{new_id}"
        return self._packet_ids[key]

    def form(self, key: str, body: bytes) -> tuple[str, bytes]:
        """Derived id and bytes of a record in packet form.

        Raises `UndecodableError` if the bytes are no JSON.
        """
        data = references.plain_names(body)
        fates = {span.value: self._fate(span.value) for span in references.spans(data)}
        logical = any(fate.identifier for fate in fates.values())
        noted = key in self._notes or key in self._reports
        if logical or noted or key in self._withheld.concerns or references.attachments(data):
            data = self._edit(key, data, fates)
        data = references.splice(data, lambda reference: fates[reference].string)
        new_id = self.packet_id(key).partition("/")[2]
        return new_id, with_identity(data, new_id, [{"system": systems.TAG, "code": new_id}])

    def _fate(self, reference: str) -> Fate:
        key = self._links.key(reference)
        key = self._merged.get(key, key) if key else None
        if key in self._travels:
            assert key is not None
            return Fate(string=self.packet_id(key))
        target = self._links.target(reference)
        if target.kind is Kind.CONTAINED:
            return _KEPT
        if key or target.kind is Kind.LOCAL:
            return self._logical(key or target.local)
        if target.kind in (Kind.FOREIGN, Kind.URN):
            return Fate(identifier={"system": _URI, "value": reference})
        if match := _BY_IDENTIFIER.search(reference):
            return Fate(identifier={"system": match[1], "value": match[2]})
        return self._logical(reference)

    def _logical(self, value: str) -> Fate:
        # The receiver can ask the source for it by this name; it can't be followed as a link.
        return Fate(identifier={"system": f"urn:uuid:{self._source_id}", "value": value})

    def _edit(self, key: str, data: bytes, fates: dict[str, Fate]) -> bytes:
        resource = decode(data)
        if self._trim and resource["resourceType"] == "Provenance":
            _trim(resource, fates)
        if key in self._withheld.concerns:
            cut(resource, self._withheld)
        references.make_logical(resource, lambda reference: fates[reference].identifier)
        shared = note.contents if (note := self._notes.get(key)) else frozenset()
        embed(
            resource,
            self._attached,
            lambda node: bool(shared) and not shared.isdisjoint(self._links.contents(node)),
        )
        for report in self._reports.get(key, ()):
            fates.setdefault(report, self._fate(report))
            _relate(resource, report)
        return encode(resource)


def _relate(document: dict[str, Any], report: str) -> None:
    """Say in a DocumentReference that a DiagnosticReport has the same content."""
    context = document.setdefault("context", {})
    related = context.setdefault("related", []) if isinstance(context, dict) else []
    if all(item.get("reference") != report for item in related):
        related.append({"reference": report})


def _trim(provenance: dict[str, Any], fates: dict[str, Fate]) -> None:
    """Leave only the targets that travel, unless none does."""
    kept = [
        target
        for target in provenance.get("target") or []
        if isinstance(target, dict)
        and isinstance(reference := target.get("reference"), str)
        and fates[reference].string
    ]
    if kept:
        provenance["target"] = kept
