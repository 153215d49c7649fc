"""Who at the destination may be the patient: every way of finding out, and what each one proves.

A way that is `sure` may settle it alone, if exactly one record is found by such ways and the
comparison agrees. What the others find only ever holds a case. Nothing here decides.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, NamedTuple

from ..errors import Held
from ..fhir.capability import Capability
from ..fhir.lossless import decode
from ..store import delivery, packet
from . import match
from .compare import different_person, out_of_use, same_demographics
from .desk import Desk, key_of, parts
from .disclosure import look_up
from .lookup import by_tag, read, search, tags_of

Identifier = tuple[str, str]  # (system, value)

FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")  # R4 datatypes.html#id
_SPECIAL = re.compile(r"([\\,$|])")  # R4 search.html#escaping
CHOOSE = (
    "`connector resolve CASE` shows the records side by side and takes the right one; or have the"
    " wrong one corrected and run again."
)


class Candidate(NamedTuple):
    """One Patient there: its id, how it was found (in words), whether that way may settle it."""

    id: str
    found: str
    sure: bool


class Judged(NamedTuple):
    """A candidate read and compared.

    `person`: the demographics that differ; `record`: why nothing may be attached to this record.
    Both name elements only.
    """

    candidate: Candidate
    patient: dict[str, Any]
    person: list[str]
    record: list[str]


def settled(desk: Desk, own: packet.Entry) -> Candidate | None:
    """The record under which records of this case stand there already: no other may follow."""
    place = delivery.id_map(desk.case).get(key_of(own))
    if place is None or all(row.write_no == 0 for row in delivery.deliveries(desk.case)):
        return None
    return Candidate(parts(place)[1], "records of this case stand under it", True)


def may_create(desk: Desk) -> bool:
    """Whether a new Patient is allowed when nobody is found."""
    named = desk.request.destination_patient
    return named.create if named else desk.settings.new_patient == "create"


def gather(
    desk: Desk, own: packet.Entry, statement: Capability, *, wide: bool = False
) -> list[Candidate]:
    """Every record found. `wide`: for a person who chooses, also what no way is sure of.

    The first request that says who the patient is stands in the disclosure log before it leaves.
    Raises `Held` where a search can't be believed or too little is known to search at all.
    """
    merged: dict[str, Candidate] = {}
    for one in _ways(desk, own, statement, cache(partial(look_up, desk)), wide=wide):
        known = merged.setdefault(one.id, one)
        if one.found not in known.found:
            merged[one.id] = Candidate(
                one.id, f"{known.found}; {one.found}", known.sure or one.sure
            )
    return [merged[patient_id] for patient_id in sorted(merged)]


def judge(desk: Desk, own: packet.Entry, candidate: Candidate) -> Judged:
    """Read a candidate as it is now and compare it. `Held` if it is not there."""
    body = read(desk, f"Patient/{candidate.id}") if FHIR_ID.fullmatch(candidate.id) else None
    theirs = decode(body) if body is not None else {}
    if theirs.get("resourceType") != "Patient" or theirs.get("id") != candidate.id:
        raise Held("identity", "the patient named is not at the destination", CHOOSE)
    ours = decode(own.body)
    ours_there = own.id in tags_of(theirs) and same_demographics(ours, theirs)
    person = [] if ours_there else different_person(ours, theirs)
    production = desk.settings.environment == "production"
    return Judged(candidate, theirs, person, out_of_use(ours, theirs, production=production))


def carriers(
    desk: Desk, resource_type: str, identifiers: list[Identifier], code: str
) -> list[dict[str, Any]]:
    """Resources that carry one of `identifiers`. `Held` if the search returns one that doesn't."""
    if not identifiers:
        return []
    tokens = ("|".join(map(_escaped, item)) for item in identifiers)
    found = list(search(desk, resource_type, {"identifier": ",".join(tokens)}))
    for resource in found:
        carried = {(i.get("system"), i.get("value")) for i in resource.get("identifier") or []}
        if not carried & set(identifiers):
            raise _not_believed(code, f"{resource_type} search by identifier")
    return found


def _ways(
    desk: Desk, own: packet.Entry, statement: Capability, tell: Callable[[], None], *, wide: bool
) -> Iterator[Candidate]:
    """`tell`: called before each request that says who the patient is."""
    named = desk.request.destination_patient
    if named and named.id:
        yield Candidate(named.id, "named by the request", True)
    elif named and named.identifier:
        system, _, value = named.identifier.partition("|")
        tell()
        for patient in carriers(desk, "Patient", [(system, value)], "identity"):
            yield Candidate(patient["id"], "has the identifier that the request names", True)
    if named and not named.create and not wide:
        return
    ours = decode(own.body)
    for place in by_tag(desk, [key_of(own)]).values():
        yield Candidate(place.id, "created by an earlier packet of ours", True)
    if identifiers := _identifiers(desk, ours, wide=wide):
        tell()
    for patient in carriers(desk, "Patient", identifiers, "identity"):
        yield Candidate(patient["id"], "has an identifier of the patient's", True)
    wide = wide or may_create(desk)  # before one is created, who might be it has to be known
    if asks_match(desk, statement) and match.weight(ours) >= match.WEIGHT_MIN:
        tell()
        for found in match.ask(desk, ours, certain_only=not wide):
            graded = found.grade or "without a grade"
            yield Candidate(found.patient_id, f"$match: {graded}", found.grade == match.CERTAIN)
    if wide:
        yield from _namesakes(desk, ours, tell)


def asks_match(desk: Desk, statement: Capability) -> bool:
    """Whether the destination offers `$match` and the operator leaves it to be asked."""
    return desk.settings.match == "certain" and "match" in statement.operations


def _identifiers(desk: Desk, ours: dict[str, Any], *, wide: bool) -> list[Identifier]:
    """What to search by: identifiers in the configured systems; all, before one is created."""
    known = [
        (item["system"], item["value"])
        for item in ours.get("identifier") or []
        if isinstance(item.get("system"), str) and isinstance(item.get("value"), str)
    ]
    matching = [item for item in known if item[0] in desk.settings.match_systems]
    return matching or (known if wide or may_create(desk) else [])


def _namesakes(desk: Desk, ours: dict[str, Any], tell: Callable[[], None]) -> Iterator[Candidate]:
    """Those of the same family name, as the server searches, born on the same day.

    `Held` if they can't be searched for and a new Patient is allowed: "none" has to be an answer.
    """
    born = ours.get("birthDate")
    families = [n["family"] for n in ours.get("name") or [] if isinstance(n.get("family"), str)]
    if not (isinstance(born, str) and families):
        if not may_create(desk):
            return
        raise Held(
            "identity",
            "too little is known of the patient to look for them at the destination",
            "Have family name and birth date completed at the source.",
        )
    wanted = {"family": ",".join(map(_escaped, families)), "birthdate": born}
    tell()
    for patient in search(desk, "Patient", wanted):
        if not str(patient.get("birthDate", "")).startswith(born):
            raise _not_believed("identity", "Patient search by family and birthdate")
        yield Candidate(patient["id"], "has the same family name and birth date", False)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _not_believed(code: str, search_name: str) -> Held:
    return Held(
        code,
        f"the destination's {search_name} returns records that do not have it",
        "Name the right record by its id instead.",
    )
