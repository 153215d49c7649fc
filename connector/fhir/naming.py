"""How records name a person, and others: what a reference, an identifier or a name says. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from .identifiers import pairs
from .names import words
from .references import Literal, literal, same_base, tidy
from .systems import URI
from .types import proper
from .whose import Whose, of_type, worst

# What stands in a display beside a name, or in place of one.
_BESIDE_NAMES = (
    "patient the this self unknown anonymous not known available name no mr mrs ms miss dr of"
    " subject deceased redacted hidden masked mrn id identifier number record medical"
)
_NO_NAMES = frozenset(_BESIDE_NAMES.split())


@dataclass(frozen=True)
class Naming:
    """All that is known of how records name our patient, and others.

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
        perhaps = found <= {Whose.UNKNOWN} and type_of(reference) in ("", "Patient")
        if perhaps and self._is_other_name(words(reference.get("display"))):
            yield Whose.OTHERWISE

    def _of_parts(
        self, reference: Mapping[str, Any], inside: Mapping[str, frozenset[Whose]] | None
    ) -> Iterator[Whose]:
        stated = type_of(reference)
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
        other = is_bare(plain) and stated in ("", "Patient") and plain.lower() != self.id.lower()
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


def is_bare(reference: str) -> bool:
    """Whether a tidy reference is an id alone, which R4 does not know."""
    return not set("/:?#") & set(reference)


def type_of(reference: Mapping[str, Any]) -> str:
    """The type that a Reference states; empty: none."""
    stated = reference.get("type")  # a URI, or relative to FHIR's definitions
    return proper(stated.rsplit("/", 1)[-1].strip()) if isinstance(stated, str) else ""
