"""What stands at the destination and is not what was to arrive: whose is it? Pure.

The ledger says what we wrote last (store/ledger/last_written.py). What stands exactly as we left it
may be brought up to date; anything else is somebody's work, and nothing is written over it.
"""

from collections.abc import Callable, Collection, Iterator
from enum import Enum
from typing import Any, NamedTuple

from ...fhir.forms import Form, plain
from ...fhir.lossless import decode, encode
from ...fhir.references import objects
from ...store.ledger.last_written import Known


class Whose(Enum):
    """How a record that differs relates to ours."""

    OLDER = "older"  # as we left it, and ours is newer: to be updated
    NEWER = "newer"  # as another case of ours left it, which had been pulled later: it stays
    ALTERED = "altered"  # what the server made of our write
    CHANGED = "changed"  # this case brought it, and it is something else by now
    THEIRS = "theirs"  # it stood there before this case, and not as we left it


class There(NamedTuple):
    """A record as it was read: `Type/id`, version, SHA-256 of its canonical form."""

    place: str
    version: str | None
    content: str


class Ours(NamedTuple):
    """The same record in this case. `wanted`: SHA-256 of the canonical form it should have.

    `first`: that of the form without the references that were left open; None if none was.
    `stood`: it was there before this case wrote. `as_of`: when this case was pulled.
    """

    wanted: str
    first: str | None
    stood: bool
    handle: str
    as_of: str


def whose(there: There, ours: Ours, known: Known | None, keyed: Callable[[str], str]) -> Whose:
    """Judge a record that differs from what it should be."""
    if ours.first == there.content:
        return Whose.OLDER
    if known is None or not as_left(there, known, keyed):
        return Whose.THEIRS if ours.stood else Whose.CHANGED
    if ours.first is not None:
        return Whose.OLDER
    just_written = known.sent is None and known.handle == ours.handle
    if just_written or known.sent == keyed(ours.wanted):
        return Whose.ALTERED
    return Whose.OLDER if ours.as_of >= known.as_of else Whose.NEWER


def as_left(there: There, known: Known, keyed: Callable[[str], str]) -> bool:
    """Whether it stands as our last write left it: the same content, or the very version."""
    same_place = known.place == keyed(there.place)
    same_version = known.version is not None and known.version == there.version
    return same_place and (known.content == keyed(there.content) or same_version)


def united(
    ours: bytes,
    there: bytes,
    same: Callable[[dict[str, Any], set[str]], str | None],
    *,
    targets: bool,
    gone: Collection[str] = (),
    base_url: str = "",
) -> bytes:
    """`ours` with those links of what stands that this case lacks: nothing is taken from a record.

    Another case may have brought a neighbour that this one does not carry: where ours holds only
    an identifier, the reference that stands there under the same identifier is kept, or the one of
    which `same` (identifier, references there) says that it is meant. `targets`: also keep the
    targets of a Provenance. `gone`: places to which nothing of ours refers any more. `base_url`: of
    the destination, which may write its references absolute.
    """
    resource, other = decode(ours), plain(decode(there), base_url, (Form.REFERENCES,))
    links = [link for link in _links(other) if link[1] not in gone]
    references = {reference for _, reference in links}
    for node in _logical(resource):
        under = {reference for identifier, reference in links if identifier == node["identifier"]}
        if len(under) == 1:
            node["reference"] = under.pop()
        elif (meant := same(node["identifier"], references)) is not None:
            del node["identifier"]
            node["reference"] = meant
    if targets and resource.get("resourceType") == "Provenance":
        own = resource.get("target") or []
        more = [target for target in _targets(other) if target.get("reference") not in gone]
        resource["target"] = [*more, *(target for target in own if target not in more)]
    return encode(resource)


def _logical(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for node in objects(resource):
        if (
            node is not resource
            and "reference" not in node
            and isinstance(node.get("identifier"), dict)
        ):
            yield node


def _targets(provenance: Any) -> list[dict[str, Any]]:
    found = provenance.get("target") if isinstance(provenance, dict) else None
    return [t for t in found if isinstance(t, dict)] if isinstance(found, list) else []


def _links(resource: Any) -> Iterator[tuple[Any, str]]:
    for node in objects(resource):
        if isinstance(node.get("reference"), str):
            yield node.get("identifier"), node["reference"]
