"""From packet form to the destination's: where each reference of the packet points over there."""

from collections.abc import Mapping

from ..fhir.lossless import decode, encode
from ..fhir.references import make_logical, spans, splice
from ..store import delivery, packet
from .desk import Desk, key_of


class Addresses:
    """Where each entry of the packet stands, and which the destination does not take.

    `places`: `Type/<derived id>` → `Type/<id there>`. `lost`: a rejected entry → the identifier
    that stands in for it in what refers to it (references.html#logical).
    """

    def __init__(self, desk: Desk) -> None:
        self._source_id = desk.source.id
        self._ids_are_ours = desk.settings.write == "put"
        self.places = delivery.id_map(desk.case)
        self.lost: dict[str, dict[str, str]] = {}
        if (theirs := desk.case.fact("owner")) and (ours := desk.case.fact("owner_entry")):
            self.places[ours] = theirs
        for row in delivery.deliveries(desk.case, "rejected"):
            self.lose(desk.entry(f"{row.type}/{row.id}"))

    def lose(self, entry: packet.Entry) -> None:
        """The destination does not take `entry`."""
        self.lost[key_of(entry)] = self._stand_in(entry)

    def render(self, entry: packet.Entry, beside: Mapping[str, str] | None = None) -> bytes:
        """The body of `entry` as the destination has to see it; all but references as it is.

        `beside`: entries of the same write → their `fullUrl`, for those that have no place yet.
        """
        lost, body, own_key = self.lost, entry.body, key_of(entry)
        if not self._ids_are_ours and own_key.encode() in body:
            # It refers to itself. HAPI answers a placeholder for that with a stack overflow, and
            # no id is known before it is created.
            lost = {**lost, own_key: self._stand_in(entry)}
        if lost and any(span.value in lost for span in spans(body)):
            resource = decode(body)
            make_logical(resource, lost.get)
            body = encode(resource)
        here = beside or {}
        return splice(body, lambda value: here.get(value) or self.places.get(value))

    def _stand_in(self, entry: packet.Entry) -> dict[str, str]:
        value = entry.source if entry.origin == "carried" else key_of(entry)
        return {"system": f"urn:uuid:{self._source_id}", "value": value}
