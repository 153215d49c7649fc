"""The organisations of a chart: which are one and the same, and which are part of which."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...fhir.lossless import UndecodableError, decode
from ...fhir.shapes import items, objects_in
from ...request import Organization
from ...store import chart
from ...store.casefile import CaseFile
from ..record.links import Links, identifier_token
from .organization_names import Name, names
from .practitioners import npis

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
