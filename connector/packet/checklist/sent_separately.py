"""Things that a packet can't hold: pixels, slides. What there is, where it is, how it comes.

FHIR R4 imagingstudy.html, specimen.html. The DICOM Study Instance UID is the identifier with the
system `urn:dicom:uid`.
"""

from collections.abc import Collection, Iterator
from typing import Any

from ...fhir.lossless import decode
from ...fhir.references import Kind
from ...fhir.shapes import as_dict, items
from ...store.case.casefile import CaseFile
from ...store.pulled import chart
from ..chart.index import Row
from ..record.endpoint_secrets import Secrets
from ..record.links import Links

_UID = "urn:dicom:uid"
_OID = "urn:oid:"


class Places:
    """Says where things are, by the records that may travel (`free`): no other is named."""

    def __init__(
        self, case: CaseFile, links: Links, free: Collection[str], secrets: Secrets
    ) -> None:
        self._case = case
        self._links = links
        self._free = free
        self._secrets = secrets

    def thing(self, row: Row) -> str:
        """One line: an ImagingStudy by modality, day, UID and place; a Specimen by its number."""
        record = chart.record(self._case, row.type, row.id)
        resource = decode(record.body) if record else {}
        day = row.written[:10] or "undated"
        if row.type == "ImagingStudy":
            parts = [", ".join(_modalities(resource)), day, row.title, *_size(resource)]
            parts += [f"study {uid}" for uid in _uids(resource)]
        else:
            number = as_dict(resource.get("accessionIdentifier")).get("value")
            parts = [row.title, day, f"number {number}" if number else ""]
        place = "; ".join(dict.fromkeys(self._places(resource)))
        told = ", ".join(part for part in parts if part and part != row.type)
        return f"{told}, at {place}" if place else told

    def _places(self, resource: dict[str, Any]) -> Iterator[str]:
        """Names of the Endpoints, Locations and performers it states."""
        series = [as_dict(part) for part in items(resource.get("series"))]
        for holder in (resource, *series):
            for reference in [*items(holder.get("endpoint")), *items(holder.get("location"))]:
                yield from self._name(as_dict(reference))
        for part in series:
            for performer in items(part.get("performer")):
                yield from self._name(as_dict(as_dict(performer).get("actor")))

    def _name(self, reference: dict[str, Any]) -> Iterator[str]:
        written = reference.get("reference")
        key = None
        if isinstance(written, str) and self._links.target(written).kind is not Kind.CONTAINED:
            key = self._links.key(written)
            if key is not None and key not in self._free:
                return  # withheld: its display would name it
        if isinstance(display := reference.get("display"), str):
            yield self._secrets.masked(display)
        elif key is not None and (record := chart.record(self._case, *key.split("/"))):
            there = decode(record.body)
            # An address is no name: it stays at the source, and its identifier can be asked for.
            name = there.get("name") or next(_values(there), None)
            if isinstance(name, str):
                yield self._secrets.masked(name)


def _values(resource: dict[str, Any]) -> Iterator[Any]:
    return (as_dict(item).get("value") for item in items(resource.get("identifier")))


def _modalities(study: dict[str, Any]) -> list[str]:
    codings = [*items(study.get("modality"))]
    codings += [as_dict(series).get("modality") for series in items(study.get("series"))]
    codes = [as_dict(coding).get("code") for coding in codings]
    return list(dict.fromkeys(code for code in codes if isinstance(code, str)))


def _uids(study: dict[str, Any]) -> list[str]:
    found = [as_dict(item) for item in items(study.get("identifier"))]
    uids = [str(item.get("value") or "") for item in found if item.get("system") == _UID]
    return [uid.removeprefix(_OID) for uid in uids if uid]


def _size(study: dict[str, Any]) -> list[str]:
    counts = ((study.get("numberOfSeries"), "series"), (study.get("numberOfInstances"), "images"))
    return [f"{count} {what}" for count, what in counts if isinstance(count, int)]
