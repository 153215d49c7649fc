"""`Patient/$everything`: the patient's compartment and the shared records it refers to."""

from collections.abc import Collection

from .parameters import PARAMETERS
from .store import Store, Version
from .terms import COMPARTMENT

# What the compartment leans on; it belongs to no patient.
_SUPPORTING = {"Practitioner", "PractitionerRole", "Organization", "Location", "Medication"}


def everything(
    store: Store, patient: Version, types: Collection[str], asked: Collection[str]
) -> list[Version]:
    """The patient, then its compartment by type, then supporting records, each once.

    `types` are those the server declares; `asked` (the `_type` parameter), if any, narrows the
    compartment, while the patient and supporting records stay (so does HAPI). R4's compartment
    has no Device and no Task, and no Provenance of a record: a client has to ask for these.
    """
    wanted = set(types) & set(asked) if asked else set(types)
    found = {patient.reference: patient}
    for name in PARAMETERS:
        if name in wanted:
            ids = store.find(name, (COMPARTMENT, patient.reference))
            members = (store.of_type(name)[id_] for id_ in ids)
            found |= {member.reference: member for member in members}
    frontier = list(found.values())
    while frontier:
        targets = {target for version in frontier for target in sorted(version.targets)}
        reached = (store.alive(target) for target in sorted(targets) if target not in found)
        frontier = [v for v in reached if v and v.type in _SUPPORTING and v.type in types]
        found |= {version.reference: version for version in frontier}
    return list(found.values())
