"""The two sides of the request as template variables: who asks, and who is asked."""

from collections.abc import Sequence
from typing import Any

from ...fhir import systems
from ...fhir.ids import derived_id
from ...request import Organization, Party, Practitioner, Telecom
from ...settings import Destination, Source

_UNNAMED = "The receiving team"


def owner_entry(source: Source, destination: Destination) -> str | None:
    """The reference that stands in the packet for the destination's own Organization.

    Push replaces it by the Organization it resolved there; None if none is configured.
    """
    if destination.owner is None:
        return None
    return f"Organization/{derived_id(source.id, 'Organization', 'destination-owner')}"


def their_organization(asked: Party, destination: Destination, entry: str | None) -> dict[str, Any]:
    """A Reference to the organisation that is asked: never a record of ours.

    With `entry` (see `owner_entry`) a literal one; by identifier and name it can be told in any
    packet, so that one which is not pushed has no reference that leads nowhere.
    """
    named = asked.organization or Organization(name=_UNNAMED)
    reference: dict[str, Any] = {"reference": entry} if entry else {}
    if "|" in (destination.owner or ""):
        system, _, value = str(destination.owner).partition("|")
        reference["identifier"] = {"system": system, "value": value}
    elif named.npi:
        reference["identifier"] = {"system": systems.NPI, "value": named.npi}
    return {**reference, "display": named.name}


def their_practitioner(person: Practitioner) -> dict[str, Any]:
    """A logical Reference to a clinician who is asked: they keep their own staff's records."""
    name = " ".join(filter(None, (person.given, person.family)))
    number = {"identifier": {"system": systems.NPI, "value": person.npi}} if person.npi else {}
    return {"type": "Practitioner", **number, "display": name}


def organization(named: Organization, contacts: Sequence[dict[str, str]]) -> dict[str, Any]:
    """An organisation of ours, as its template wants it."""
    npi = [named.npi] if named.npi else []
    return {"name": named.name, "npi": npi, "telecom": list(contacts)}


def practitioner(person: Practitioner) -> dict[str, Any]:
    """A clinician of ours, as the template wants them."""
    return {
        "family": person.family,
        "given": [person.given] if person.given else [],
        "npi": [person.npi] if person.npi else [],
    }


def contacts(telecom: Telecom) -> list[dict[str, str]]:
    """ContactPoints, work."""
    ways = (("phone", telecom.phone), ("email", telecom.email))
    return [{"system": system, "value": value, "use": "work"} for system, value in ways if value]
