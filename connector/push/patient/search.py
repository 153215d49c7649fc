"""Every way of finding out who at the destination may be the patient, and what each one proves.

A way that is `sure` may settle it alone, if exactly one record is found by such ways and the
comparison agrees. What the others find only ever holds a case. Nothing here decides.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

from ...errors import Answered, Held
from ...fhir.capability import Capability
from ...fhir.lossless import UndecodableError, decode
from ...store.mapped import packet
from ..evidence.disclosure import look_up
from ..session import Session, key_of
from ..wire.find import by_tag
from ..wire.read import search
from . import match_operation
from .candidates import Candidate, may_create
from .demographics import near
from .human_name import NOBODY, TEST, names
from .identifiers import Identifier, searchable
from .queries import QUESTIONS_MAX, escaped, questions

# What a server answers to a search that it does not have; anything else is a failure.
_CANNOT = frozenset({400, 404, 405, 501})


class Found(NamedTuple):
    """Who was found; and, in words without values, what could not be asked or answered."""

    candidates: list[Candidate]
    unknown: list[str]


def gather(
    session: Session, own: packet.Entry, statement: Capability, *, wide: bool = False
) -> Found:
    """Every record found, and what the destination could not be asked.

    `wide`: for a person who chooses, also what no way is sure of, though somebody is found. The
    first request that says who the patient is stands in the disclosure log before it leaves.
    Raises `Held` where the answer to a search can't be believed.
    """
    merged: dict[str, Candidate] = {}
    asked = _Search(session, own, statement, cache(partial(look_up, session)), wide=wide)
    try:
        for one in asked.ways(merged):
            known = merged.setdefault(one.id, one)
            if one.found not in known.found:
                merged[one.id] = Candidate(
                    one.id, f"{known.found}; {one.found}", known.sure or one.sure
                )
    except UndecodableError as error:
        raise Held(
            "identity",
            f"who is at the destination is not known: its answer is no clean searchset ({error})",
            "Ask the people who run the destination, or name the record with destination_patient"
            " in the request.",
        ) from None
    return Found([merged[patient_id] for patient_id in sorted(merged)], asked.unknown)


def carriers(
    session: Session, resource_type: str, identifiers: list[Identifier], code: str
) -> list[dict[str, Any]]:
    """Resources that carry one of `identifiers`. `Held` if the search returns one that doesn't.

    One search each: a server that does not know the comma would find nobody.
    """
    found: dict[str, dict[str, Any]] = {}
    for wanted in identifiers:
        for resource in _hits(
            session, resource_type, {"identifier": "|".join(map(escaped, wanted))}
        ):
            if wanted not in searchable(resource):
                raise _not_believed(code, f"{resource_type} search by identifier")
            found[resource["id"]] = resource
    return list(found.values())


def asks_match(session: Session, statement: Capability) -> bool:
    """Whether the destination offers `$match` and the operator leaves it to be asked."""
    return session.settings.match == "certain" and "match" in statement.operations


class _Search:
    """One look for the patient. `tell`: called before each request that says who that is."""

    def __init__(
        self,
        session: Session,
        own: packet.Entry,
        statement: Capability,
        tell: Callable[[], None],
        *,
        wide: bool,
    ) -> None:
        self.session, self.own, self.statement, self.tell, self.wide = (
            session,
            own,
            statement,
            tell,
            wide,
        )
        self.ours: dict[str, Any] = decode(own.body)
        self.unknown: list[str] = []

    def ways(self, found: Mapping[str, Candidate]) -> Iterator[Candidate]:
        """Ask in order. `found`: who was found by what was asked before."""
        named = self.session.request.destination_patient
        if named and named.id:
            yield Candidate(named.id, "named by the request", True)
        elif named and named.identifier:
            system, _, value = named.identifier.partition("|")
            yield from self._carriers(
                [(system, value)], "has the identifier that the request names"
            )
        if named and not named.create and not self.wide:
            return
        for place in by_tag(self.session, [key_of(self.own)]).values():
            yield Candidate(place.id, "created by an earlier packet of ours", True)
        yield from self._carriers(self._identifiers(), "has an identifier of the patient's")
        # Before one is created, who might be it has to be known.
        wide = self.wide or may_create(self.session)
        yield from self._matches(certain_only=not wide)
        if self.wide or (wide and not found):
            others = [one for one in searchable(self.ours) if one not in self._identifiers()]
            yield from self._carriers(others, "has another identifier of the patient's", sure=False)
            yield from self._nearby()

    def _carriers(
        self, identifiers: list[Identifier], how: str, *, sure: bool = True
    ) -> Iterator[Candidate]:
        if len(identifiers) > QUESTIONS_MAX:
            self.unknown.append("the patient has more identifiers than are asked for")
        if identifiers:
            self.tell()
        for patient in carriers(self.session, "Patient", identifiers[:QUESTIONS_MAX], "identity"):
            yield Candidate(patient["id"], how, sure)

    def _identifiers(self) -> list[Identifier]:
        """Those in the configured systems; all, if there are none and one may be created."""
        known = searchable(self.ours)
        asked = [item for item in known if item[0] in self.session.settings.match_systems]
        return asked or (known if self.wide or may_create(self.session) else [])

    def _matches(self, *, certain_only: bool) -> Iterator[Candidate]:
        enough = match_operation.weight(self.ours) >= match_operation.WEIGHT_MIN
        if not (enough and asks_match(self.session, self.statement)):
            return
        self.tell()
        for found in match_operation.ask(self.session, self.ours, certain_only=certain_only):
            graded = found.grade or "without a grade"
            yield Candidate(
                found.patient_id, f"$match: {graded}", found.grade == match_operation.CERTAIN
            )

    def _nearby(self) -> Iterator[Candidate]:
        """Those of a name and birth date that may be the patient's, as the server searches."""
        offered = self.statement.search.get("Patient") or {"given"}
        asked = questions(self.ours, given="given" in offered)
        if not asked:
            self.unknown.append("family name and birth date are not both known here")
        elif len(asked) > QUESTIONS_MAX:
            self.unknown.append("the patient has more names than are asked for")
        if self._is_nobody():
            self.unknown.append("the name here is nobody's (anonymous, or a test patient's)")
            return
        for parameters in asked[:QUESTIONS_MAX]:
            self.tell()
            for patient in self._born(parameters):
                if near(self.ours, patient, by_family="family" in parameters):
                    yield Candidate(patient["id"], _found_by(parameters, self.ours), False)

    def _is_nobody(self) -> bool:
        known = {name.stands_in for name in names(self.ours)}
        production = self.session.settings.environment == "production"
        return bool(known) and known <= {NOBODY, TEST} and (production or TEST not in known)

    def _born(self, parameters: dict[str, str]) -> Iterator[dict[str, Any]]:
        """The hits of one question; noted as unknown where the server does not answer it."""
        days = parameters["birthdate"].split(",")
        try:
            hits = list(_hits(self.session, "Patient", parameters))
        except Answered as error:
            if error.status not in _CANNOT:
                raise
            if len(days) > 1:  # not every server knows the comma between dates
                for day in days:
                    yield from self._born(parameters | {"birthdate": day})
                return
            what = f"the destination does not search Patient by {', '.join(sorted(parameters))}"
            if what not in self.unknown:
                self.unknown.append(what)
            return
        for patient in hits:
            if not str(patient.get("birthDate", "")).startswith(tuple(days)):
                raise _not_believed("identity", "Patient search by family and birthdate")
            yield patient


def _found_by(parameters: dict[str, str], ours: dict[str, Any]) -> str:
    if "family" not in parameters:
        return "has the same given name and birth date, and nearly the same family name"
    if parameters["birthdate"] != ours.get("birthDate"):
        return "has the same name and nearly the same birth date"
    return "has nearly the same name and the same birth date"


def _hits(
    session: Session, resource_type: str, parameters: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """The matches of a search: resources of the type, with an id. Raises `UndecodableError`."""
    for resource in search(session, resource_type, parameters):
        if not isinstance(resource, dict) or resource.get("resourceType") != resource_type:
            raise UndecodableError(f"{resource_type} search: a match of another type")
        if not isinstance(resource.get("id"), str):
            raise UndecodableError(f"{resource_type} search: a match without an id")
        yield resource


def _not_believed(code: str, search_name: str) -> Held:
    return Held(
        code,
        f"the destination's {search_name} returns records that do not have it",
        "Name the right record by its id instead.",
    )
