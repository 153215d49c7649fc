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
from urllib.parse import parse_qsl

import msgspec

from .about import (
    ABOUT,
    DEEPER,
    NAMES_INSIDE,
    SEVERAL_PEOPLE,
    TAKING_PART,
    telling,
    text,
)
from .identifiers import pairs
from .lossless import UndecodableError, decode, members
from .names import words
from .references import Literal, literal, same_base, tidy
from .shapes import as_text, items, objects_in
from .systems import URI
from .types import proper
from .whose import Whose, of_type, settled, worst

_SEEN_MAX = 5000


@dataclass(frozen=True)
class Person:
    """Our patient, and all that is known of how records name them and others.

    `bases`: addresses of the server whose `Patient/id` they are; None: nobody knows, so that an
    absolute reference is meant by its end (NDJSON says no server). `names`, `others`: other ways
    to refer to them, and to other people: a fullUrl, a `urn:uuid:`, `Patient/id`.
    """

    id: str
    bases: frozenset[str] | None
    identifiers: frozenset[tuple[str, str]] = frozenset()
    names: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    other_identifiers: frozenset[tuple[str, str]] = frozenset()
    birth_date: str = ""
    words: frozenset[str] = frozenset()  # of all their names
    gender: str = ""
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
        stated, string = _type_of(node), node.get("reference")
        target = literal(string) if isinstance(string, str) else None
        if isinstance(string, str) and not stated and _bare(tidy(string)):
            return  # anybody's id
        if (target.type if target else stated or "Patient") == "Patient":
            yield from (w for w in self.of_reference(node, inside) if w not in _OPEN)

    def of_reference(
        self, reference: Any, inside: Mapping[str, frozenset[Whose]] | None = None
    ) -> Iterator[Whose]:
        """What one Reference says, by its string and by its identifier; nothing if it is empty.

        `inside`: what the contained resources that it may mean say, by id.
        """
        if isinstance(reference, str):
            reference = {"reference": reference}
        if not isinstance(reference, dict):
            return
        found = set(self._of_parts(reference, inside))
        yield from found
        perhaps = found <= {Whose.UNKNOWN} and _type_of(reference) in ("", "Patient")
        if perhaps and self._is_other_name(words(reference.get("display"))):
            yield Whose.OTHERWISE

    def _of_parts(
        self, reference: Mapping[str, Any], inside: Mapping[str, frozenset[Whose]] | None
    ) -> Iterator[Whose]:
        stated = _type_of(reference)
        string = reference.get("reference")
        if isinstance(string, str) and string.strip():
            if string.lstrip().startswith("#"):
                id_ = string.strip().removeprefix("#")
                yield from (inside or {}).get(id_, (Whose.UNKNOWN,))
            else:
                yield self._of_string(string, stated)
        identifiers = pairs(reference.get("identifier"))
        if stated in ("", "Patient"):
            yield from self.ofpairs(identifiers)
        elif not string:
            yield of_type(stated)

    def _of_string(self, string: str, stated: str) -> Whose:
        plain = tidy(string)
        if plain in self.names or string in self.names:
            return Whose.OWN
        if plain in self.others or string in self.others:
            return Whose.STRANGER
        if target := literal(string):
            if target.type != "Patient":
                return of_type(target.type)
            return self._of_literal(target)
        kind, _, query = plain.partition("?")
        if proper(kind) == "Patient" and query:  # a conditional reference (http.html#trules)
            wanted = (value.partition("|") for n, value in parse_qsl(query) if n == "identifier")
            return worst(self.ofpairs([(system, value) for system, _, value in wanted]))
        urn = plain.lower()
        if urn.startswith("urn:uuid:"):
            own = urn.removeprefix("urn:uuid:") == self.id.lower()
            return Whose.OWN if own else Whose.UNKNOWN
        other = _bare(plain) and stated in ("", "Patient") and plain.lower() != self.id.lower()
        return Whose.STRANGER if other else Whose.UNKNOWN

    def _of_literal(self, target: Literal) -> Whose:
        short = f"Patient/{target.id}"
        here = not target.base or self.bases is None
        here = here or any(same_base(target.base, base) for base in self.bases or ())
        if here:
            if target.id == self.id:
                return Whose.OWN
            if short in self.names:
                return Whose.OWN
            # Ids are case-sensitive, though not every database is.
            same = target.id.lower() == self.id.lower()
            return Whose.UNKNOWN if same else Whose.STRANGER
        # Another server's Patient of the same id may be anybody; of another id it isn't ours by
        # any name that we know.
        return Whose.UNKNOWN if target.id == self.id else Whose.STRANGER

    def ofpairs(self, identifiers: Iterable[tuple[str, str]]) -> Iterator[Whose]:
        """What identifiers say. Only a system that our patient carries tells anything."""
        for system, value in identifiers:
            if not system or not value:
                continue
            if (system, value) in self.identifiers:
                yield Whose.OWN
            elif (system, value) in self.other_identifiers:
                yield Whose.STRANGER
            elif system == URI:
                yield Whose.UNKNOWN  # anybody may have any number of addresses
            elif ours := {v.casefold() for s, v in self.identifiers if s == system}:
                yield Whose.UNKNOWN if value.casefold() in ours else Whose.STRANGER
            else:
                yield Whose.UNKNOWN

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

    def _is_other_gender(self, said: Any) -> bool:
        return {said, self.gender} == {"male", "female"} if isinstance(said, str) else False

    def _is_other_name(self, said: Iterable[str], least: int = 2) -> bool:
        """Whether words are a name in full, of which nothing is in a name of our patient.

        `least`: of so many words. Not where the letters differ: one name in two scripts can't be
        compared here.
        """
        named = {word for word in said if word.isalpha()} - _NO_NAMES
        comparable = all(word.isascii() for word in named | self.words)
        return (
            len(named) >= least and bool(self.words) and comparable and named.isdisjoint(self.words)
        )


_OPEN = (Whose.UNKNOWN, Whose.OTHERWISE)  # says nothing of a person who only takes part
# What stands in a display beside a name, or in place of one.
_BESIDE_NAMES = (
    "patient the this self unknown anonymous not known available name no mr mrs ms miss dr of"
    " subject deceased redacted hidden masked mrn id identifier number record medical"
)
_NO_NAMES = frozenset(_BESIDE_NAMES.split())
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


def _bare(reference: str) -> bool:
    """Whether a tidy reference is an id alone, which R4 does not know."""
    return not set("/:?#") & set(reference)


def _type_of(reference: Mapping[str, Any]) -> str:
    stated = reference.get("type")  # a URI, or relative to FHIR's definitions
    return proper(stated.rsplit("/", 1)[-1].strip()) if isinstance(stated, str) else ""


def _words(value: Any) -> frozenset[str]:
    found: set[str] = set()
    for name in objects_in(value):
        for part in (name.get("family"), name.get("text"), *items(name.get("given"))):
            found.update(words(part))
    return frozenset(found)
