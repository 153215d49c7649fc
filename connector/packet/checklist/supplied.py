"""Documents that people brought for an item of the checklist, as they travel."""

import uuid
from typing import Any, NamedTuple

from ...fhir.ids import authored_id
from ...store.case.casefile import CaseFile
from ...store.mapped import answers
from ..record.attachment import inline
from ..record.narrative import Line
from ..ruleset.rules import Checklist

_LOINC = "http://loinc.org"
# What US Core has for a document of which nobody said what kind it is.
_UNKNOWN = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}


class Document(NamedTuple):
    """One document. `name` and `id` follow from case, item and content: the same in every run."""

    said: answers.Supplied
    section: str
    item_title: str
    name: str
    id: str

    @property
    def reference(self) -> str:
        return f"DocumentReference/{self.id}"

    @property
    def title(self) -> str:
        return self.said.title or self.item_title

    @property
    def line(self) -> Line:
        """As it stands in a section's text."""
        return Line(self.said.date or "", self.title, "", "supplied with the request")

    def variables(self, body: bytes) -> dict[str, Any]:
        """What the template DocumentReference is filled with."""
        loinc = self.said.loinc
        attachment = {"contentType": self.said.content_type, **inline(body), "title": self.title}
        if self.said.date:
            attachment["creation"] = self.said.date
        return {
            "kind": {"system": _LOINC, "code": loinc} if loinc else _UNKNOWN,
            "documentTitle": self.title,
            "suppliedFor": self.item_title,
            "attachment": attachment,
        }


def documents(
    case: CaseFile, checklist: Checklist, source_id: uuid.UUID, request_id: str
) -> list[Document]:
    """Those of the case. `UsageError` if one is for an item that the checklist does not have."""
    found = []
    for said in answers.supplied(case):
        item = checklist.named(said.item, "a document is attached for an item that")
        name = f"supplied-{said.item}-{said.sha256}"
        new_id = authored_id(source_id, request_id, "DocumentReference", name)
        found.append(Document(said, item.section, item.title, name, new_id))
    return found
