"""The organisations of a chart: which are one and the same, and which are part of which."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...fhir.lossless import UndecodableError, decode
from ...fhir.references import objects
from ...fhir.shapes import items, objects_in
from ...request import Organization
from ...store.case.casefile import CaseFile
from ...store.pulled import chart
from ..record.links import Links, identifier_token
from .organization_names import Name, names
from .practitioners import npis

_DISPLAY = re.compile(rb'"display"\s*:\s*"((?:[^"\\]|\\.)*)"')
# Who is named in these is asked, or permitted to know, and has not treated the patient by that.
_ASKED = frozenset({"Appointment", "Consent", "CommunicationRequest", "ServiceRequest", "Task"})
_DEPTH_MAX = 20  # of a partOf chain


@dataclass(frozen=True)
class Body:
    """An organisation: its NPIs, the names it goes by, what it is part of or affiliated with."""

    npis: frozenset[str]
    names: frozenset[Name]
    above: frozenset[str] = frozenset()  # keys in the chart
    identities: frozenset[str] = frozenset()  # identifiers, an NPI under one name

    def same(self, other: "Body") -> bool:
        """By NPI where both have one, else by name."""
        if self.npis and other.npis:
            return not self.npis.isdisjoint(other.npis)
        return not self.names.isdisjoint(other.names)


def named(organization: Organization) -> Body:
    """One that a request or a configuration names."""
    npi = frozenset({organization.npi} if organization.npi else ())
    return Body(npi, names(organization.name))


def of_chart(case: CaseFile, links: Links) -> dict[str, Body]:
    """Those of the chart, by key; those that a Consent contains by the Consent's key and `#id`.

    An affiliation (OrganizationAffiliation) counts as partOf. Whole and part may be named by
    reference or by identifier.
    """
    there = dict(_organizations(case))
    called: dict[str, set[str]] = {}
    for key, resource in there.items():
        for name in _identities(resource.get("identifier")):
            called.setdefault(name, set()).add(key)

    def keys(reference: Any, holder: str = "") -> set[str]:
        if not isinstance(reference, dict):
            return set()
        written = reference.get("reference")
        if isinstance(written, str):
            return {holder + written if written.startswith("#") else links.key(written) or ""}
        names = _identities(reference.get("identifier"))
        return set().union(*(called.get(name, ()) for name in names))

    above = {
        key: keys(resource.get("partOf"), key.partition("#")[0]) for key, resource in there.items()
    }
    for resource in of_type(case, "OrganizationAffiliation"):
        if resource.get("active") is not False:
            networks = resource.get("network")
            wholes = [resource.get("organization"), *(items(networks))]
            for part in keys(resource.get("participatingOrganization")):
                above.setdefault(part, set()).update(*map(keys, wholes))
    return {
        key: body(resource, frozenset(above[key] & there.keys() - {key}))
        for key, resource in there.items()
    }


def called(identifier: Mapping[str, Any], there: Mapping[str, Body]) -> frozenset[str]:
    """The keys of the organisations of the chart that have an identifier."""
    names = _identities(identifier)
    return frozenset(key for key, one in there.items() if not names.isdisjoint(one.identities))


def body(resource: Mapping[str, Any], above: frozenset[str] = frozenset()) -> Body:
    """An Organization resource, decoded."""
    alias = resource.get("alias")
    called = [resource.get("name"), *(alias if isinstance(alias, list) else [])]
    every = frozenset(name for text in called for name in names(text))
    identifier = resource.get("identifier")
    return Body(npis(identifier), every, above, _identities(identifier))


def keys_of(some: Sequence[Body], there: Mapping[str, Body]) -> frozenset[str]:
    """The keys of the organisations of the chart that are one of `some`."""
    return frozenset(key for key, one in there.items() if any(one.same(each) for each in some))


def mentioned(case: CaseFile, some: Sequence[Body]) -> bool:
    """Whether a reference of the chart means one of `some`, by a number or by its name alone.

    Not one that only says whom something is asked of.
    """
    numbers = frozenset().union(*(one.npis for one in some))
    wanted = frozenset().union(*(one.names for one in some))
    known: dict[bytes, bool] = {}  # texts repeat: whether each is one of these names

    def called(text: bytes) -> bool:
        if text not in known:
            known[text] = not wanted.isdisjoint(names(text.decode("utf-8", "replace")))
        return known[text]

    for record in chart.records(case):
        if record.type in _ASKED or record.type == "Organization":  # that is looked at by `same`
            continue
        written = any(called(found[1]) for found in _DISPLAY.finditer(record.body))
        if not written and not any(number.encode() in record.body for number in numbers):
            continue
        try:
            nodes = [node for node in objects(decode(record.body)) if "code" not in node]
        except UndecodableError:
            continue
        for node in nodes:
            if not numbers.isdisjoint(npis(node.get("identifier"))):
                return True
            if written and not wanted.isdisjoint(names(node.get("display"))):
                return True
    return False


def only_asked(case: CaseFile, links: Links, keys: frozenset[str]) -> frozenset[str]:
    """Those of the organisations `keys` that stand in the chart only because they are asked."""
    asked, other = {key for key in keys if "#" in key}, set[str]()  # contained in a Consent
    ids = [key.partition("/")[2].encode() for key in keys - asked]
    for record in chart.records(case) if ids else ():
        if not any(id_ in record.body for id_ in ids):
            continue
        try:
            nodes = list(objects(decode(record.body)))
        except UndecodableError:
            continue
        named = {links.key(text) for n in nodes if isinstance(text := n.get("reference"), str)}
        (asked if record.type in _ASKED else other).update(keys & named)
    return frozenset(asked - other)


def above(keys: Iterable[str], there: Mapping[str, Body]) -> frozenset[str]:
    """The keys of the organisations of the chart that these are part of, however far up."""
    found: set[str] = set()
    steps = {up for key in keys if key in there for up in there[key].above}
    for _ in range(_DEPTH_MAX):
        new = {key for key in steps if key in there} - found
        found |= new
        steps = {up for key in new for up in there[key].above}
    return frozenset(found)


def of_type(case: CaseFile, resource_type: str) -> Iterator[dict[str, Any]]:
    """The records of a type, decoded; what can't be decoded is told as a gap by the map step."""
    for record in chart.of_type(case, resource_type):
        try:
            yield decode(record.body)
        except UndecodableError:
            continue


def _organizations(case: CaseFile) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in of_type(case, "Organization"):
        yield f"Organization/{resource['id']}", resource
    for consent in of_type(case, "Consent"):
        for inner in items(consent.get("contained")):
            if isinstance(inner, dict) and inner.get("resourceType") == "Organization":
                yield f"Consent/{consent['id']}#{inner.get('id')}", inner


def _identities(identifier: Any) -> frozenset[str]:
    items = [item for item in objects_in(identifier) if item.get("value")]
    return frozenset(map(identifier_token, items)) | {f"npi|{n}" for n in npis(items)}
