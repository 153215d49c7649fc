"""Rules that change a carried record: what each may touch, and what it did.

Only the top-level members that a rule names are decoded, and only those that it changed are
written anew: all others stay the bytes the source sent.
"""

from collections.abc import Iterator, Sequence
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Literal, NamedTuple, Protocol

from msgspec import Raw

from ...fhir.lossless import decode, encode
from .content_rules import RoundDecimals, StripProfile

What = Literal["translated", "changed", "dropped", "untranslated"]
# A context without bounds: the default one refuses numbers of more than 28 digits.
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


class Note(NamedTuple):
    """What a rule did at one element path of one record, and how often there. No values."""

    rule: str
    path: str  # `Observation.component.code`, members named as in JSON
    what: What
    times: int = 1


class Rule(Protocol):
    """A rule that changes content. `edit` gets the members of a record that `members` names."""

    @property
    def id(self) -> str: ...

    @property
    def reason(self) -> str: ...

    def members(self, resource_type: str) -> frozenset[str]:
        """The top-level members that it may touch in records of this type."""

    def edit(self, resource_type: str, part: dict[str, Any]) -> Iterator[Note]:
        """Change decoded members in place, and tell each change."""


def apply(rules: Sequence[Rule], resource_type: str, top: dict[str, Raw]) -> list[Note]:
    """Apply `rules` in order to the members of a record, in place. What each did, if anything."""
    notes: list[Note] = []
    for rule in rules:
        names = rule.members(resource_type) & top.keys()
        if not names:
            continue
        part = {name: decode(raw) for name, raw in top.items() if name in names}
        found = list(rule.edit(resource_type, part))
        for name in {note.path.split(".")[1] for note in found if note.what != "untranslated"}:
            if name in part:
                top[name] = Raw(encode(part[name]))
            else:
                del top[name]
        notes += found
    return notes


class Elements:
    """Element paths of a rule (`Observation.component.code`), asked by type of record."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths: dict[str, list[str]] = {}
        for path in dict.fromkeys(paths):
            self._paths.setdefault(path.partition(".")[0], []).append(path)
        self._members = {
            resource_type: frozenset(path.split(".")[1] for path in paths)
            for resource_type, paths in self._paths.items()
        }

    def members(self, resource_type: str) -> frozenset[str]:
        return self._members.get(resource_type, frozenset())

    def found(self, resource_type: str, part: Any) -> Iterator[tuple[str, Any, Any]]:
        """Path, and the object or list and the name or position in it, of each element there."""
        for path in self._paths.get(resource_type, ()):
            for parent, place in _places(part, path.split(".")[1:]):
                yield path, parent, place


def _places(node: Any, names: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    if not isinstance(node, dict) or names[0] not in node:
        return
    child = node[names[0]]
    listed = isinstance(child, list)
    parent: Any = child if listed else node
    for place in range(len(child)) if listed else names[:1]:
        if len(names) == 1:
            yield parent, place
        else:
            yield from _places(parent[place], names[1:])


class Rounding:
    """`round-decimals`: at most so many digits behind the point, half to even."""

    def __init__(self, rule: RoundDecimals) -> None:
        self.id, self.reason, self._places = rule.id, rule.reason, rule.places
        self._elements = Elements(rule.elements)
        self.members = self._elements.members

    def edit(self, resource_type: str, part: dict[str, Any]) -> Iterator[Note]:
        for path, parent, place in self._elements.found(resource_type, part):
            shorter = rounded(parent[place], self._places)
            if shorter is not None:
                parent[place] = shorter
                yield Note(self.id, path, "changed")


def rounded(number: Any, places: int) -> Decimal | None:
    """A decimal with at most `places` digits behind the point; None where nothing changes.

    A number that would become zero stays: nothing measured and next to nothing are two things.
    """
    if not isinstance(number, Decimal):
        return None
    exponent = number.as_tuple().exponent
    if isinstance(exponent, str) or exponent >= -places:
        return None
    if number and number.adjusted() < -places - 1:
        return None
    shorter = number.quantize(Decimal((0, (1,), -places)), ROUND_HALF_EVEN, context=_EXACT)
    return shorter if shorter or not number else None


class Stripping:
    """`strip-profile`: profiles that the destination can't or won't check go from meta.profile."""

    def __init__(self, rule: StripProfile) -> None:
        self.id, self.reason = rule.id, rule.reason
        self._types, self._profiles = rule.types, rule.profiles

    def members(self, resource_type: str) -> frozenset[str]:
        meant = not self._types or resource_type in self._types
        return frozenset({"meta"}) if meant else frozenset()

    def edit(self, resource_type: str, part: dict[str, Any]) -> Iterator[Note]:
        meta = part.get("meta")
        if not isinstance(meta, dict) or not isinstance(profiles := meta.get("profile"), list):
            return
        kept = [n for n, profile in enumerate(profiles) if not self._goes(profile)]
        if len(kept) == len(profiles):
            return
        # `_profile` holds what belongs to each profile, by position (R4 json.html#primitive).
        for name in ("profile", "_profile"):
            if isinstance(aside := meta.get(name), list):
                meta[name] = [aside[n] for n in kept if n < len(aside)]
                if not meta[name]:
                    del meta[name]
        path = f"{resource_type}.meta.profile"
        yield Note(self.id, path, "dropped", len(profiles) - len(kept))

    def _goes(self, profile: Any) -> bool:
        names = {profile, str(profile).partition("|")[0]}  # canonical|version
        return not self._profiles or not names.isdisjoint(self._profiles)
