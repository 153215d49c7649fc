"""Whose record is it? Told by what the record says itself. Pure.

A record is a person's only if it says so: by a literal reference, or by an identifier of a system
that the person carries, with the same value. Every element that says whom a record is about is
looked at (R4: subject, patient and their like, participants, a contained Patient); references that
say who *did* something (performer, author, focus, payor) are not: others than the patient stand
there rightly. What a record does not say is unknown, and stays unknown here: whether it may be
taken is for whoever knows how it came.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from .about import ABOUT, DEEPER, NAMES_INSIDE, SEVERAL_PEOPLE, TAKING_PART, telling, text
from .identifiers import pairs
from .lossless import UndecodableError, decode, members
from .names import words
from .naming import Naming, is_bare, type_of
from .references import literal, tidy
from .shapes import as_text, items, objects_in
from .whose import Whose, of_type, settled, worst

_SEEN_MAX = 5000


@dataclass(frozen=True)
class Person(Naming):
    """Our patient, by whom any record can be judged."""

    _seen: dict[bytes, frozenset[Whose]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def whose(self, body: bytes) -> Whose:
        """What one record says. Raises `UndecodableError` for what is no JSON object."""
        return self.whose_members(members(body))

    def whose_members(self, top: Mapping[str, msgspec.Raw]) -> Whose:
        """As `whose`, from the members of the record."""
        resource_type = text(top, "resourceType")
        if resource_type == "Patient":
            return Whose.OWN if text(top, "id") == self.id else Whose.STRANGER
        if resource_type in SEVERAL_PEOPLE:
            return Whose.SEVERAL
        inside, found = self._contained(top["contained"]) if "contained" in top else ({}, set())
        for name, raw in telling(top):
            found |= self._judged(name, bytes(raw), inside)
        return settled(resource_type, found)

    def _judged(
        self, name: str, raw: bytes, inside: Mapping[str, frozenset[Whose]]
    ) -> frozenset[Whose]:
        # Most records of a chart name their patient in the same bytes: judged once.
        if inside:
            return frozenset(self._of_element(name, decode(raw), inside))
        known = self._seen.get(key := name.encode() + raw)
        if known is None:
            known = frozenset(self._of_element(name, decode(raw), inside))
            if len(self._seen) < _SEEN_MAX and len(key) < 1000:
                self._seen[key] = known
        return known

    def _of_element(
        self, name: str, value: Any, inside: Mapping[str, frozenset[Whose]]
    ) -> Iterator[Whose]:
        for item in items(value):
            if name in DEEPER:
                for deeper in DEEPER[name] if isinstance(item, dict) else ():
                    for reference in items(item.get(deeper)):
                        yield from self._patients_only(reference, inside)
            elif name in TAKING_PART:
                yield from self._patients_only(item, inside)
            else:
                yield from self.of_reference(item, inside)

    def _patients_only(
        self, reference: Any, inside: Mapping[str, frozenset[Whose]]
    ) -> Iterator[Whose]:
        """Of an element where a Practitioner or a Location stands rightly: what it says of people
        who are patients."""
        node = reference if isinstance(reference, dict) else {"reference": reference}
        stated, string = type_of(node), node.get("reference")
        target = literal(string) if isinstance(string, str) else None
        if isinstance(string, str) and not stated and is_bare(tidy(string)):
            return  # anybody's id
        if (target.type if target else stated or "Patient") == "Patient":
            yield from (w for w in self.of_reference(node, inside) if w not in _OPEN)

    def _contained(self, raw: msgspec.Raw) -> tuple[dict[str, frozenset[Whose]], set[Whose]]:
        """What each contained resource says, by id, and what of it counts whoever refers to it."""
        inside: dict[str, frozenset[Whose]] = {}
        against: set[Whose] = set()
        contained = bytes(raw)
        if not NAMES_INSIDE.search(contained):
            return {}, set()
        for node in objects_in(decode(contained)):
            kind = node.get("resourceType")
            if kind == "Patient":
                said = frozenset(self.of_patient(node)) or frozenset({Whose.UNKNOWN})
            else:
                said = frozenset({of_type(str(kind))})
                for name in (*ABOUT, *DEEPER):
                    against |= {
                        w for w in self._of_element(name, node.get(name), {}) if w in _AGAINST
                    }
            if isinstance(id_ := node.get("id"), str):
                inside[id_.removeprefix("#")] = said
            if kind == "Patient":
                against |= said & _AGAINST
        return inside, against

    def of_patient(self, patient: Mapping[str, Any]) -> Iterator[Whose]:
        """What a Patient without an id of the server says: by identifiers, birth date, names."""
        known = {system for system, _ in self.identifiers}
        own = False
        values: dict[str, set[Whose]] = {}
        for system, value in pairs(patient.get("identifier")):
            if system in known:
                values.setdefault(system, set()).update(self.ofpairs([(system, value)]))
        for said in values.values():
            # Somebody may have two numbers of a system, of which we know one.
            own |= Whose.OWN in said
            yield Whose.OWN if Whose.OWN in said else worst(said)
        born = patient.get("birthDate")
        if isinstance(born, str) and len(born) == len(self.birth_date) == 10:
            named = _words(patient.get("name"))
            other = not own and self._is_other_gender(patient.get("gender"))
            if born != self.birth_date or (other and self._is_other_name(named, least=1)):
                yield Whose.STRANGER
            elif self._is_other_name(named):
                yield Whose.OTHERWISE  # many are born on one day
            return
        named = _words(patient.get("name"))
        if named and self.words and named.isdisjoint(self.words):
            yield Whose.STRANGER


_OPEN = (Whose.UNKNOWN, Whose.OTHERWISE)  # says nothing of a person who only takes part
_AGAINST = frozenset({Whose.STRANGER, Whose.SEVERAL})


def person(
    body: bytes,
    bases: Iterable[str] | None,
    names: Iterable[str] = (),
    others: Iterable[str] = (),
    other_identifiers: Iterable[tuple[str, str]] = (),
) -> Person:
    """Our patient by their Patient resource. Raises `UndecodableError` if it can't be read.

    What two people share names neither: an identifier or a name among `others` is not ours.
    """
    patient = decode(body)
    if not isinstance(patient, dict) or not isinstance(patient.get("id"), str):
        raise UndecodableError("not a FHIR Patient")
    shared, theirs = frozenset(map(tidy, others)), frozenset(other_identifiers)
    own = frozenset(pairs(patient.get("identifier")))
    return Person(
        patient["id"],
        None if bases is None else frozenset(bases),
        own - theirs,
        frozenset(map(tidy, names)) - shared,
        shared,
        theirs - own,
        as_text(patient.get("birthDate")),
        _words(patient.get("name")),
        as_text(patient.get("gender")),
    )


def _words(value: Any) -> frozenset[str]:
    found: set[str] = set()
    for name in objects_in(value):
        for part in (name.get("family"), name.get("text"), *items(name.get("given"))):
            found.update(words(part))
    return frozenset(found)
