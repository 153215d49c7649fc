"""From packet form to the destination's: where each reference of the packet points over there."""

from collections.abc import Collection, Mapping

from ...fhir.lossless import decode, encode
from ...fhir.references import make_logical, spans, splice
from ...store.mapped import packet, update
from ...store.sent import delivery
from .. import binaries
from ..session import Session, key_of


class ReferenceMap:
    """Where each entry of the packet stands, and which the destination does not take.

    `places`: `Type/<derived id>` → `Type/<id there>`. `lost`: entries that were rejected, or that
    somebody deleted there. In what refers to one of those, or to one without a place yet, an
    identifier stands in (references.html#logical). What goes anew is meant under its new id.
    """

    def __init__(self, session: Session) -> None:
        self._source_id = session.source.id
        self._ids_are_ours = session.settings.write == "put"
        self._names = packet.names(session.case)
        self._binaries = binaries.opened(session.case)
        self.places = delivery.id_map(session.case)
        self._renewed = update.renewed(session.case)
        absent = delivery.deliveries(session.case, "rejected", "removed")
        self.lost = {f"{row.type}/{row.id}" for row in absent}
        if (theirs := session.case.state.owner) and (ours := session.case.state.owner_entry):
            self.places[ours] = theirs

    def render(
        self,
        entry: packet.Entry,
        beside: Mapping[str, str] | None = None,
        without: Collection[str] = (),
    ) -> bytes:
        """The body of `entry` as the destination has to see it; all but references as it is.

        `beside`: entries of the same write → their `fullUrl`, for those that have no place yet.
        `without`: entries that it does not refer to yet.
        """
        here = beside or {}
        body = entry.body
        if own := self._binaries.get(key_of(entry)):
            body = binaries.emptied(body, own, self.places)
        out = {*self.lost, *without, *self.missing(entry, here)}
        if out and any(self.now(span.value) in out for span in spans(body)):
            resource = decode(body)
            make_logical(resource, lambda key: self.stand_in(key) if self.now(key) in out else None)
            body = encode(resource)
        return splice(body, lambda value: self._place(self.now(value), here))

    def now(self, key: str) -> str:
        """The key under which the entry `key` goes."""
        return self._renewed.get(key, key)

    def _place(self, key: str, here: Mapping[str, str]) -> str | None:
        return here.get(key) or self.places.get(key)

    def missing(self, entry: packet.Entry, beside: Mapping[str, str]) -> set[str]:
        """Entries that `entry` refers to and that will be there later: neither now nor with it.

        Itself is one of them, unless the id is ours: nobody knows another before it is created
        (and HAPI answers a placeholder for itself with a stack overflow).
        """
        there = beside.keys() | self.places.keys() | self.lost
        if not self._ids_are_ours and key_of(entry) not in self.places:
            there = there - {key_of(entry)}
        named = {span.value for span in spans(entry.body) if span.value in self._names}
        found = set(map(self.now, named)) - there
        # An address within an attachment is not one that a server fills in (hapi-fhir#854).
        ahead = self._binaries.get(key_of(entry), ())
        return found | {key for key in ahead if key not in self.places and key not in self.lost}

    def stand_in(self, key: str) -> dict[str, str]:
        """The identifier by which the receiver can ask for `key`, if not follow it as a link."""
        return {"system": f"urn:uuid:{self._source_id}", "value": self._names[key]}
