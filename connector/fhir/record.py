"""One carried record: who it is, and what changes on it when it travels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from .lossless import UndecodableError, decode, encode, members
from .systems import TAG

# Set anew by whichever server stores the resource (FHIR R4 resource.html#Meta).
SERVER_META = ("versionId", "lastUpdated", "source")
# What else R4 has there; anything more is a server's own (Medplum: project, author, compartment).
_META = ("id", "extension", "profile", "security", "tag")
_FIRST = ("resourceType", "id", "meta")


@dataclass(frozen=True, slots=True)
class Peek:
    """What is read of a record that is only carried."""

    type: str
    id: str
    version: str
    subsetted: bool


def peek(data: bytes) -> Peek:
    """Type, id and version of a resource. Raises `UndecodableError` if it has no type or id."""
    top = members(data)
    try:
        resource_type, resource_id = decode(top["resourceType"]), decode(top["id"])
    except KeyError:
        raise UndecodableError("a resource without resourceType or id") from None
    if not (isinstance(resource_type, str) and isinstance(resource_id, str)):
        raise UndecodableError("resourceType or id is not a string")
    meta = decode(top["meta"]) if "meta" in top else {}
    if not isinstance(meta, dict):
        raise UndecodableError("meta is not an object")
    return Peek(resource_type, resource_id, str(meta.get("versionId", "")), _subsetted(meta))


def _subsetted(meta: dict[str, Any]) -> bool:
    # resource.html#Meta: a server tags SUBSETTED what it sent only in part; it must not be stored.
    tags = meta.get("tag") or []
    if not (isinstance(tags, list) and all(isinstance(tag, dict) for tag in tags)):
        raise UndecodableError("meta.tag is not a list of objects")
    return any(tag.get("code") == "SUBSETTED" for tag in tags)


def labelled(data: bytes, labels: list[Any]) -> bytes:
    """`data` with these security labels beside its own; all other members byte for byte.

    Raises `UndecodableError` if its meta is no object.
    """
    top = members(data)
    meta = decode(top["meta"]) if "meta" in top else {}
    if not isinstance(meta, dict):
        raise UndecodableError("meta is not an object")
    own = meta.get("security")
    own = own if isinstance(own, list) else []
    meta["security"] = [*own, *(label for label in labels if label not in own)]
    parts = [encode(name) + b":" + bytes(value) for name, value in top.items() if name != "meta"]
    return b"{" + b",".join([*parts, b'"meta":' + encode(meta)]) + b"}"


def with_identity(data: bytes, resource_id: str | None, tags: Iterable[dict[str, str]]) -> bytes:
    """`data` under another id and with `tags` added; every other member's value byte for byte.

    `resource_id` None leaves the id out (for a create: the server chooses). Of meta goes what a
    server sets.
    `data` is a resource that `peek` takes.
    """
    return identified(members(data), resource_id, tags)


def identified(
    top: Mapping[str, msgspec.Raw], resource_id: str | None, tags: Iterable[dict[str, str]]
) -> bytes:
    """As `with_identity`, from the members of a resource."""
    meta = decode(top["meta"]) if "meta" in top else {}
    meta = {name: value for name, value in meta.items() if name.lstrip("_") in _META}
    meta["tag"] = [*(meta.get("tag") or []), *tags]
    parts = [b'"resourceType":' + bytes(top["resourceType"])]
    if resource_id is not None:
        parts.append(b'"id":' + encode(resource_id))
    parts.append(b'"meta":' + encode(meta))
    parts += [
        encode(name) + b":" + bytes(value) for name, value in top.items() if name not in _FIRST
    ]
    return b"{" + b",".join(parts) + b"}"


def retagged(data: bytes, resource_id: str) -> bytes:
    """`data`, in packet form, under another derived id: id and our tag say so."""
    top = members(data)
    meta = decode(top["meta"])
    tags = [tag for tag in meta.pop("tag") if tag.get("system") != TAG]
    top["meta"] = msgspec.Raw(encode({**meta, "tag": tags}))
    return identified(top, resource_id, [{"system": TAG, "code": resource_id}])
