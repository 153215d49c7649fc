"""Who receives the packet, as request, configuration and chart tell, against a Consent's actors."""

from collections.abc import Iterator, Mapping
from typing import Any

from ...fhir import systems
from ...fhir.shapes import objects_in
from ...request import Request
from ...settings import Destination
from ...store.case.casefile import CaseFile
from ..chart.index import body as record_body
from ..chart.organizations import Body, above, body, called, keys_of, named, of_chart
from ..chart.practitioners import npis
from ..record.links import Links, identifier_token
from .provision import Json, Truth

_LEVELS_MAX = 5  # of teams in teams
_NOT_A_TEAM = ("Patient", "RelatedPerson", "Device")  # actors that a receiving team never is


class Recipient:
    """The receiving organisation under all its names and numbers, and the receiving physician."""

    def __init__(
        self, case: CaseFile, links: Links, request: Request, destination: Destination
    ) -> None:
        self._case = case
        self._links = links
        organization, person = request.performer.organization, request.performer.practitioner
        system, _, number = (destination.owner or "").partition("|")
        ours = [named(organization)] if organization else []
        if number and systems.is_npi(system):
            ours.append(Body(frozenset({number}), frozenset()))
        self._there = of_chart(case, links)
        # What the chart calls the same house adds its other numbers and names to it.
        self._keys = keys_of(ours, self._there)
        every = [*ours, *(self._there[key] for key in self._keys)]
        self._house = Body(
            frozenset().union(*(each.npis for each in every)),
            frozenset().union(*(each.names for each in every)),
        )
        houses = above(self._keys, self._there)
        # A house above may stand in the chart twice, too.
        self._above = keys_of([self._there[k] for k in houses], self._there) - self._keys
        self._owner = str(destination.owner) if number else ""
        self._person = frozenset({person.npi} if person and person.npi else ())

    def receives(self, actor: Json, consent: Json, denying: bool, level: int = 0) -> Truth:
        """Whether a Reference in a Consent is to who receives; None if that can't be told.

        What is denied to a house is denied to its parts and members; what is permitted to it may
        not be permitted to them.
        """
        identifier = actor.get("identifier")
        if isinstance(identifier, dict):
            keys = called(identifier, self._there)
            if denying and not keys.isdisjoint(self._above):
                return True
            if not keys.isdisjoint(self._keys):
                return True
            found = self._identified([identifier], actor.get("type") == "Organization")
            if found is not None:
                return found
        reference = str(actor.get("reference", ""))
        if reference.startswith("#"):
            contained = consent.get("contained") or []
            key: str | None = f"Consent/{consent.get('id')}{reference}"
            resource = next((c for c in contained if f"#{c.get('id')}" == reference), None)
        else:
            key = self._links.key(reference)
            resource = record_body(self._case, key) if key else None
        if resource is None:
            return False if any(f"{name}/" in reference for name in _NOT_A_TEAM) else None
        if resource.get("resourceType") in ("PractitionerRole", "CareTeam"):
            return self._among(resource, consent, denying, level)
        return self._is(resource, key, denying)

    def _is(self, resource: Json, key: str | None, denying: bool) -> Truth:
        kind = resource.get("resourceType")
        if kind in _NOT_A_TEAM:
            return False
        if kind == "Organization":
            return self._is_house(resource, key, denying)
        if kind == "Practitioner":
            return self._identified(objects_in(resource.get("identifier")), organization=False)
        return None

    def _among(self, resource: Json, consent: Json, denying: bool, level: int) -> Truth:
        """Of a role or a team: a team may have others, so it is permitted nothing by its name."""
        if level == _LEVELS_MAX:
            return None
        members = list(_members(resource))
        found = [self.receives(who, consent, denying, level + 1) for who in members]
        role = resource["resourceType"] == "PractitionerRole"
        if True in found:
            return True if role or denying else None
        return found[-1] if role and found else None

    def _is_house(self, resource: Json, key: str | None, denying: bool) -> Truth:
        if key in self._keys:
            return True
        if key in self._above:
            return True if denying else None
        if key is not None and not above([key], self._there).isdisjoint(self._keys):
            return None  # a part of the house that receives
        found = self._identified(objects_in(resource.get("identifier")), organization=True)
        if found:
            return True
        there = body(resource)
        if not there.names.isdisjoint(self._house.names):
            # One house may have several numbers; two houses may have one name.
            return True if found is None else None
        return found

    def _identified(self, identifiers: list[dict[str, Any]], organization: bool) -> Truth:
        """By identifier. Another organisation isn't the recipient; a person may work there."""
        numbers = npis(identifiers)
        tokens = {identifier_token(item) for item in identifiers}
        if numbers & (self._house.npis | self._person) or self._owner in tokens:
            return True
        owner_system = self._owner.partition("|")[0]
        compared = bool(numbers and self._house.npis) or (
            bool(owner_system) and any(t.partition("|")[0] == owner_system for t in tokens)
        )
        return False if organization and compared else None


def _members(resource: Mapping[str, Any]) -> Iterator[Json]:
    """The References to whom a PractitionerRole or a CareTeam means."""
    for name in ("practitioner", "organization", "managingOrganization"):
        yield from objects_in(resource.get(name))
    for participant in objects_in(resource.get("participant")):
        for name in ("member", "onBehalfOf"):
            yield from objects_in(participant.get(name))
