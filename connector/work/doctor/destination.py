"""What a destination has to do for a delivery."""

import os
import uuid
from collections.abc import Collection, Iterator

from ...endpoint import Endpoint
from ...errors import EndpointError, Exit, Waiting
from ...fhir import systems
from ...fhir.bundle import page
from ...fhir.capability import Capability
from ...fhir.lossless import UndecodableError, decode
from ...push import way_of
from ...settings import Destination
from .. import trial
from .cause import told
from .check import Check
from .granted import scopes
from .reach import reach, searched

_REFUSED = Exit.DESTINATION_REFUSED
_WAYS = {
    "transaction": "as transactions",
    "batch": "as batches: transactions are not offered",
    "single": "one by one: neither transactions nor batches are offered",
}
_READ_BACK = {
    "granted": "everything, record by record",
    "none": "not granted: what is delivered is accepted there, never verified",
}
# What every packet is made of, whatever the chart holds.
_PACKET_TYPES = ("Composition", "Device", "Organization", "Provenance", "ServiceRequest", "Task")


def check(
    name: str,
    settings: Destination,
    types: frozenset[str],
    wanted: frozenset[str],
    *,
    write_test: bool,
) -> Iterator[Check]:
    """`types`: all that a packet may hold; `wanted`: those that this kind of case asks for."""
    if settings.folder is not None:
        writable = settings.folder.is_dir() and os.access(settings.folder, os.W_OK | os.X_OK)
        said = "takes packets as files" if writable else "not there, or not writable"
        fix = "" if writable else "Mount it, or correct `folder` and its permissions."
        yield Check(name, "folder", writable, said, fix, _REFUSED)
        return
    endpoint = Endpoint(settings, "destination", types=types)
    reads = settings.read_back == "granted"
    probe = "Task" if reads else "Patient"
    capability = yield from reach(name, endpoint, probe, _REFUSED)
    if capability is None:
        return
    yield from scopes(name, endpoint, _PACKET_TYPES, (), _REFUSED)
    yield from searched(name, endpoint, probe, None, _REFUSED)
    if reads and settings.write != "put" and settings.kind == "transaction":
        yield from _by_tag(name, endpoint)
    yield Check(name, "writes", True, _WAYS[way_of(settings, capability)])
    yield Check(name, "read back", True, _READ_BACK[settings.read_back])
    yield _kind(name, capability, settings)
    if settings.kind == "transaction":
        yield from _taken(name, capability, settings, wanted)
    if settings.write == "put":
        yield _own_ids(name, capability, types | set(_PACKET_TYPES))
    yield _owner(name, endpoint, settings)
    yield Check(name, "$match", True, _matching(capability, settings))
    if write_test and not reads:
        yield Check(name, "write test", True, "not done: what was written can't be read")
    elif write_test:
        for seen in trial.write_test(settings, way_of(settings, capability)):
            fine = seen.ok or not trial.needed(seen.name, settings)
            yield Check(name, f"write test: {seen.name}", fine, seen.detail, seen.fix, _REFUSED)


def _by_tag(name: str, endpoint: Endpoint) -> Iterator[Check]:
    """What we wrote is found by a tag of ours: one that nobody carries has to find nothing."""
    asked = {"_tag": f"{systems.TAG}|{uuid.uuid4()}", "_summary": "count"}
    try:
        found = decode(endpoint.search("Task", asked, "Task search by tag").body)
        honoured = not found.get("entry") and found.get("total") in (0, None)
    except (EndpointError, Waiting, UndecodableError, AttributeError):
        return  # told by the check of searching
    said = "honoured" if honoured else "passed over: a tag that nobody carries finds records"
    fix = "" if honoured else 'Set write = "put", if it takes ids of ours.'
    yield Check(name, "search by tag", honoured, said, fix, _REFUSED)


def _taken(
    name: str, capability: Capability, settings: Destination, wanted: Collection[str]
) -> Iterator[Check]:
    """Whether the types can be created and updated, as far as the server says so."""
    ways = ("update",) if settings.write == "put" else ("create", "update")

    def refused(types: Collection[str]) -> str:
        found: dict[str, list[str]] = {}
        for one in sorted(types):
            if lacks := [way for way in ways if not capability.allows(one, way)]:
                found.setdefault(" and ".join(lacks), []).append(one)
        return "; ".join(f"no {lacks} of {', '.join(names)}" for lacks, names in found.items())

    no = refused(_PACKET_TYPES)
    yield Check(
        name, "packet", not no,
        no or "takes every type of the packet",
        "" if not no else "Ask its people to allow these types, or for another way (bundle.kind).",
        _REFUSED,
    )  # fmt: skip
    less = refused(set(wanted) - set(_PACKET_TYPES) - {"Patient"})
    fix = "Ask its people to allow these types: such records would be rejected, and missing there."
    said = less or "takes every type of the checklist"
    yield Check(name, "records", not less, said, fix if less else "", Exit.INCOMPLETE)
    if settings.new_patient == "create" and not capability.allows("Patient", "create"):
        fix = 'Set new_patient = "hold": a person then says who the patient is.'
        yield Check(name, "new patients", False, "can't be created there", fix, _REFUSED)


def _kind(name: str, capability: Capability, settings: Destination) -> Check:
    """How packets travel there, and whether they can."""
    kind = settings.kind
    takes, said = True, "record by record"
    if kind == "document":
        takes, said = capability.allows("Bundle", "create"), "as one Bundle of type document"
    elif kind == "message":
        takes, minutes = capability.messages, capability.reliable_cache_min
        again = f"known again for {minutes} min" if minutes else "never sent twice: not known again"
        said = f"as one message, {again}"
    fix = "" if takes else "Set bundle.kind to what it takes, or ask its people."
    said = said if takes else f"does not say that it takes a {kind}"
    return Check(name, "kind", takes, said, fix, _REFUSED)


def _matching(capability: Capability, settings: Destination) -> str:
    if "match" not in capability.operations:
        return "not offered: the patient is found by the request or by identifiers"
    return "offered, and asked" if settings.match == "certain" else "offered, switched off"


def _own_ids(name: str, capability: Capability, types: Collection[str]) -> Check:
    """Whether ids of ours are taken, as far as the server says so; HAPI does it and says nothing.

    R4 capabilitystatement.html, rest.resource.updateCreate.
    """
    said = capability.update_create
    no = sorted(one for one in types if said.get(one) is False)
    if not any(said.values()):
        return Check(name, "ids of ours", True, "declared for no type: --write-test tries it")
    detail = f"not taken for: {', '.join(no)}" if no else "taken, as the server says"
    fix = "" if not no else 'Ask for them to be allowed, or set write = "conditional".'
    return Check(name, "ids of ours", not no, detail, fix, _REFUSED)


def _owner(name: str, endpoint: Endpoint, settings: Destination) -> Check:
    owner = settings.owner
    if owner is None:
        said = "not configured: Task.owner is a name without a reference"
        return Check(name, "owner", True, said)
    if settings.read_back == "none":
        return Check(name, "owner", True, "not looked up: nothing may be read there")
    fix = "Correct `owner`: their Organization, as it is called there."
    try:
        if "|" in owner:
            body = endpoint.search("Organization", {"identifier": owner}, "owner search").body
            found = sum(entry.mode == "match" for entry in page(body).entries)
        else:
            body = endpoint.get(owner, "owner").body
            found = int(decode(body).get("resourceType") == "Organization")
    except (EndpointError, Waiting) as error:
        return Check(name, "owner", False, told(error, settings)[0], fix, _REFUSED)
    except (UndecodableError, AttributeError):
        return Check(name, "owner", False, "is not told as FHIR", fix, _REFUSED)
    said = "their Organization is there" if found == 1 else f"names {found} Organizations there"
    return Check(name, "owner", found == 1, said, fix if found != 1 else "", _REFUSED)
