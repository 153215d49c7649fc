"""The packet sent whole, as one Bundle: what documents and messages have in common.

Such a Bundle is all there is: nothing comes after it that could announce the request. It can't be
split either. Its name is made from the packet's content: the same packet is the same Bundle.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...errors import DestinationRefused
from ...fhir.bundle import entries
from ...fhir.lossless import decode, members
from ...store.case import transitions
from ...store.mapped import packet
from ...store.sent import delivery
from ..records.expected import canonical_sha256
from ..session import Session, key_of, parts

_URN = "urn:uuid:"


@dataclass(frozen=True)
class Whole:
    """A Bundle as it leaves. `identifier`: system and value."""

    body: bytes
    name: str
    identifier: tuple[str, str]

    @property
    def key(self) -> str:
        return f"Bundle/{self.name}"

    def entries(self) -> Iterator[tuple[str, bytes]]:
        """`Type/<derived id>` and resource of each entry that the packet has."""
        for url, resource in entries(self.body):
            assert resource is not None, "we wrote it"
            yield f"{decode(members(resource)['resourceType'])}/{url.removeprefix(_URN)}", resource


def gather(session: Session, pieces: Iterable[bytes]) -> Whole:
    """The Bundle in memory. Raises `DestinationRefused` if it is larger than one may be there."""
    megabytes = session.settings.bundle.max_megabytes
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > megabytes * 1_000_000:
            raise DestinationRefused(
                f"the packet as one {session.kind} is larger than max_megabytes = {megabytes:g}",
                "Raise it if the destination takes more, or send it as a transaction: that can be"
                " split. Nothing was sent.",
            )
    top = members(bytes(body))
    identifier: Any = decode(top["identifier"])
    name = str(decode(top["id"]))
    return Whole(bytes(body), name, (identifier["system"], identifier["value"]))


def going(session: Session) -> list[str]:
    """The keys of all that leaves: every entry of the packet but a Patient that stands there."""
    held = {
        f"{row.type}/{row.id}"
        for row in delivery.deliveries(session.case)
        if row.status not in ("intended", "rejected")
    }
    return [key for entry in packet.entries(session.case) if (key := key_of(entry)) not in held]


def not_taken(session: Session, words: str, what_to_do: str) -> DestinationRefused:
    """The destination refused it whole: nothing stands there, and the packet may be mended."""
    with session.case.commit():
        for write_no in {row.write_no for row in delivery.deliveries(session.case, "intended")}:
            delivery.take_back(session.case, write_no)
        transitions.come_back(session.case)
    return DestinationRefused(f"push: {words}", what_to_do)


def accept(session: Session, whole: Whole, version: str | None, note: str = "") -> None:
    """Say of every entry that it was accepted, with the hash in which it left."""
    written = {f"{r.type}/{r.id}" for r in delivery.deliveries(session.case) if r.write_no > 0}
    delivery.read_back(
        session.case,
        (
            (*parts(key), "accepted", canonical_sha256(body), None, version, note)
            for key, body in whole.entries()
            if key in written
        ),
    )
