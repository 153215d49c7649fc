"""The organisations of a chart: which are one and the same, and which are part of which."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..fhir.lossless import UndecodableError, decode
from ..request import Organization
from ..store import chart
from ..store.casefile import CaseFile
from .links import Links
from .organization_names import Name, names
from .practitioners import npis

_DEPTH_MAX = 20  # of a partOf chain


@dataclass(frozen=True)
class Body:
    """An organisation: its NPIs, the names it goes by, what it is part of or affiliated with."""

    npis: frozenset[str]
    names: frozenset[Name]
    above: frozenset[str] = frozenset()  # keys in the chart

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
    """Those of the chart, by key. An affiliation (OrganizationAffiliation) counts as partOf."""
    joined: dict[str, set[str]] = {}
    for resource in of_type(case, "OrganizationAffiliation"):
        part = _key(resource.get("participatingOrganization"), links)
        whole = _key(resource.get("organization"), links)
        if part and whole and resource.get("active") is not False:
            joined.setdefault(part, set()).add(whole)
    found = {}
    for resource in of_type(case, "Organization"):
        key = f"Organization/{resource['id']}"
        above = {_key(resource.get("partOf"), links), *joined.get(key, ())} - {None}
        found[key] = body(resource, frozenset(filter(None, above)))
    return found


def body(resource: Mapping[str, Any], above: frozenset[str] = frozenset()) -> Body:
    """An Organization resource, decoded."""
    alias = resource.get("alias")
    called = [resource.get("name"), *(alias if isinstance(alias, list) else [])]
    every = frozenset(name for text in called for name in names(text))
    return Body(npis(resource.get("identifier")), every, above)


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


def _key(reference: Any, links: Links) -> str | None:
    written = reference.get("reference") if isinstance(reference, dict) else None
    return links.key(written) if isinstance(written, str) else None
