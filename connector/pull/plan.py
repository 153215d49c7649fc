"""What to ask a source for, decided from what it says it can do. Pure."""

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from ..config import Source
from ..errors import SourceFailed
from ..fhir.capability import Capability
from ..store.chart import Query
from .compartment import BESIDE, COMPARTMENT

EVERYTHING = "Patient/$everything"


def plan(
    capability: Capability,
    patient_id: str,
    settings: Source,
    never_types: frozenset[str],
    wanted_types: frozenset[str],
) -> list[Query]:
    """The queries of a pull: wanted types first, those with most pages before the others.

    `Query.why` says in words why each is there.
    `auto` is one search per type: complete where `$everything` has holes (it may leave out types
    and what is referred to), and as fast, since searches run side by side and its pages can't.
    Raises `SourceFailed` if `everything` is configured and the server does not offer it.
    """
    if settings.pull == "everything":
        if "everything" not in capability.operations:
            raise SourceFailed(
                "the source does not offer Patient/$everything",
                'Set pull = "search" for this source.',
            )
        url = f"Patient/{quote(patient_id)}/$everything?_count={settings.page_size}"
        whole = Query(EVERYTHING, url, "the whole chart in one operation, as configured")
        return [whole, *_searches(BESIDE, capability, patient_id, settings, never_types)]
    if settings.pull == "bulk":
        return list(_searches(BESIDE, capability, patient_id, settings, never_types))
    types = sorted({**COMPARTMENT, **BESIDE}, key=lambda name: name not in wanted_types)
    everywhere = {name: {**COMPARTMENT, **BESIDE}[name] for name in types}
    return list(_searches(everywhere, capability, patient_id, settings, never_types))


def unsupported(
    capability: Capability, never_types: frozenset[str], wanted_types: frozenset[str]
) -> dict[str, str]:
    """Types that can't be asked for, each with why: wanted ones, and those served unsearchably."""
    parameters = {**COMPARTMENT, **BESIDE, "Provenance": ("target",)}
    found = {}
    for name in sorted(parameters.keys() - never_types):
        if name not in capability.search:
            if name in wanted_types:
                found[name] = "the server does not declare this type"
        elif _declared(capability, name, parameters[name]) is None:
            found[name] = f"the server declares no search by {' or '.join(parameters[name])}"
    return found


def _searches(
    parameters: Mapping[str, tuple[str, ...]],
    capability: Capability,
    patient_id: str,
    settings: Source,
    never_types: frozenset[str],
) -> Iterator[Query]:
    for name, candidates in parameters.items():
        parameter = _declared(capability, name, candidates)
        if name in never_types or parameter is None:
            continue
        # Only `patient` can mean nothing but a Patient; elsewhere the type has to be said.
        value = patient_id if parameter == "patient" else f"Patient/{patient_id}"
        where = "beside" if name in BESIDE else "in"
        yield Query(
            name,
            f"{name}?{parameter}={quote(value)}&_count={settings.page_size}",
            f"{where} the R4 patient compartment, by {parameter}, declared by the server",
        )


def _declared(capability: Capability, name: str, candidates: tuple[str, ...]) -> str | None:
    """The parameter to search by; a server that lists none for the type is asked all the same."""
    declared = capability.search.get(name)
    if declared is None:
        return None
    return next((p for p in candidates if p in declared or not declared), None)
