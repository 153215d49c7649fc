"""From packet form to the destination's: where each reference of the packet points over there."""

from collections.abc import Mapping

from ..fhir.lossless import decode, encode
from ..fhir.references import make_logical, spans, splice
from ..store import delivery, packet
from .desk import Desk


class Addresses:
    """Where each entry of the packet stands, and which the destination does not take.

    `places`: `Type/<derived id>` → `Type/<id there>`. `lost`: a rejected entry → the identifier
    that stands in for it in what refers to it (references.html#logical).
    """

    def __init__(self, desk: Desk) -> None:
        self._source_id = desk.source.id
        self.places = delivery.id_map(desk.case)
        self.lost: dict[str, dict[str, str]] = {}
        if (theirs := desk.case.fact("owner")) and (ours := desk.case.fact("owner_entry")):
            self.places[ours] = theirs
        for row in delivery.deliveries(desk.case, "rejected"):
            self.lose(desk.entry(f"{row.type}/{row.id}"))

    def lose(self, entry: packet.Entry) -> None:
        """The destination does not take `entry`."""
        key = f"{entry.type}/{entry.id}"
        value = entry.source if entry.origin == "carried" else key
        self.lost[key] = {"system": f"urn:uuid:{self._source_id}", "value": value}

    def render(self, body: bytes, beside: Mapping[str, str] | None = None) -> bytes:
        """`body` as the destination has to see it; all but references byte for byte.

        `beside`: entries of the same write → their `fullUrl`, for those that have no place yet.
        """
        if self.lost and any(span.value in self.lost for span in spans(body)):
            resource = decode(body)
            make_logical(resource, self.lost.get)
            body = encode(resource)
        here = beside or {}
        return splice(body, lambda value: here.get(value) or self.places.get(value))
