"""What to ask a source for, decided from what it says it can do and what is known of it. Pure."""

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, quote

from ..errors import SourceFailed
from ..fhir.capability import Capability
from ..settings import Source
from ..store.pulled.query_plan import Query
from .compartment import BESIDE, COMPARTMENT
from .servers import NOTHING, Known

EVERYTHING = "Patient/$everything"
OTHERS = "others"  # the query for records of no category that was asked for
# What a chart's records refer to, and no search by patient finds.
_REFERRED_TO = (
    "Binary Endpoint HealthcareService Location Medication Organization Patient Practitioner"
    " PractitionerRole Provenance Questionnaire Substance"
)


def plan(
    capability: Capability,
    patient_id: str,
    settings: Source,
    never_types: frozenset[str],
    wanted_types: frozenset[str],
    known: Known = NOTHING,
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
        whole = everything(patient_id, settings, "the whole chart in one operation, as configured")
        beside = _searches(
            BESIDE, capability, patient_id, settings, never_types, wanted_types, known
        )
        return [whole, *beside]
    if settings.pull == "bulk":
        return list(
            _searches(BESIDE, capability, patient_id, settings, never_types, wanted_types, known)
        )
    return searches(capability, patient_id, settings, never_types, wanted_types, known)


def searches(
    capability: Capability,
    patient_id: str,
    settings: Source,
    never_types: frozenset[str],
    wanted_types: frozenset[str],
    known: Known = NOTHING,
) -> list[Query]:
    """Every type by searches, whatever strategy is configured."""
    types = sorted({**COMPARTMENT, **BESIDE}, key=lambda name: name not in wanted_types)
    everywhere = {name: {**COMPARTMENT, **BESIDE}[name] for name in types}
    return list(
        _searches(everywhere, capability, patient_id, settings, never_types, wanted_types, known)
    )


def everything(patient_id: str, settings: Source, why: str) -> Query:
    """`Patient/$everything` (R4 operation-patient-everything.html)."""
    url = f"Patient/{quote(patient_id)}/$everything?_count={settings.page_size}"
    return Query(EVERYTHING, url, why)


def wider(query: Query, capability: Capability, known: Known) -> Query | None:
    """The same search with one more closed parameter, after the server answered 400.

    A server may demand `status` (US Core, "Servers Requiring Status") or `intent`: asked with all
    codes of the value set, the search finds what it found without. None: nothing is left to add.
    """
    for parameter, codes in _to_add(query, capability, known.of(_type(query)).every):
        url = f"{query.url}&{parameter}={','.join(codes)}"
        return Query(query.key, url, f"{query.why}; with every {parameter}, as it demands one")
    return None


def by_presence(query: Query, capability: Capability, known: Known) -> list[Query]:
    """The same after a 400, for an element that a record may lack: one query for the records that
    have it, one for those that don't (R4 search.html#modifiers). Empty: there is none to add."""
    for parameter, codes in _to_add(query, capability, known.of(_type(query)).every_or_none):
        key = f"{query.key}{'&' if '?' in query.key else '?'}{parameter}"
        why = f"{query.why}; with every {parameter}, as it demands one"
        without = f"{query.why}; what has no {parameter}"
        return [
            Query(f"{key}=any", f"{query.url}&{parameter}={','.join(codes)}", why),
            Query(f"{key}=none", f"{query.url}&{parameter}:missing=true", without),
        ]
    return []


def _to_add(
    query: Query, capability: Capability, closed: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The closed parameters that the server declares and the query does not have."""
    present = {name.partition(":")[0] for name, _ in parse_qsl(query.url.partition("?")[2])}
    declared = capability.search.get(_type(query)) or closed.keys()
    return ((p, codes) for p, codes in closed.items() if p not in present and p in declared)


def _type(query: Query) -> str:
    return query.url.partition("?")[0]


def by_category(query: Query, categories: tuple[str, ...], why: str) -> list[Query]:
    """One query for each category, and one for the records of none of them.

    `:not` finds what has another category or none at all (R4 search.html#modifiers).
    """
    name = query.key
    each = [
        Query(f"{name}?category={code}", f"{query.url}&category={quote(code)}", why)
        for code in categories
    ]
    others = f"{query.url}&category:not={quote(','.join(categories), safe=',')}"
    swept = Query(f"{name}?category={OTHERS}", others, "what has none of the categories asked for")
    return [*each, swept]


def types_of_chart(never_types: frozenset[str]) -> frozenset[str]:
    """All types a chart may hold, and a packet made of it: scopes are needed for these."""
    return frozenset({*COMPARTMENT, *BESIDE, *_REFERRED_TO.split()}) - never_types


def unsupported(
    capability: Capability,
    never_types: frozenset[str],
    wanted_types: frozenset[str],
    known: Known = NOTHING,
) -> dict[str, str]:
    """What can't be asked for, each with why: wanted types that are not declared, types served
    unsearchably, and categories that the server is known to reject."""
    parameters = {**COMPARTMENT, **BESIDE, "Provenance": ("target",)}
    found = {}
    for name in sorted(parameters.keys() - never_types):
        if name not in capability.search:
            if name in wanted_types:
                core = ", though US Core asks it to" if known.of(name).us_core else ""
                found[name] = f"the server does not declare this type{core}"
        elif _declared(capability, name, parameters[name]) is None:
            found[name] = f"the server declares no search by {' or '.join(parameters[name])}"
        else:
            for code in known.rejected(name):
                found[f"{name}?category={code}"] = f"{known.name} rejects this category"
    return found


def _searches(
    parameters: Mapping[str, tuple[str, ...]],
    capability: Capability,
    patient_id: str,
    settings: Source,
    never_types: frozenset[str],
    wanted_types: frozenset[str],
    known: Known,
) -> Iterator[Query]:
    for name, candidates in parameters.items():
        parameter = _declared(capability, name, candidates)
        if name in never_types or parameter is None:
            continue
        # Only `patient` can mean nothing but a Patient; elsewhere the type has to be said.
        value = patient_id if parameter == "patient" else f"Patient/{patient_id}"
        url = f"{name}?{parameter}={quote(value)}&_count={settings.page_size}"
        query = Query(name, url, _why(name, parameter, wanted_types, known))
        if demanded := known.demanded(name):
            yield from by_category(query, demanded, f"{known.name} demands a category")
        else:
            yield query


def _why(name: str, parameter: str, wanted_types: frozenset[str], known: Known) -> str:
    where = "beside" if name in BESIDE else "in"
    reasons = ["asked for by the checklist"] if name in wanted_types else []
    reasons.append(f"{where} the R4 patient compartment")
    if known.of(name).us_core:
        reasons.append("US Core servers have to offer it")
    return ", ".join([*reasons, f"by {parameter}, declared by the server"])


def _declared(capability: Capability, name: str, candidates: tuple[str, ...]) -> str | None:
    """The parameter to search by; a server that lists none for the type is asked all the same."""
    declared = capability.search.get(name)
    if declared is None:
        return None
    return next((p for p in candidates if p in declared or not declared), None)
