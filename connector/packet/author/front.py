"""The first page: what a physician with ten minutes has to see, chosen by the key question.

Only records that leave are looked at. What stands where is data: `front` of sections.yaml, and
`bearing` of questions/*.yaml.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from ...request import Request
from ..chart.index import Row
from ..chart.match import any_means
from ..record.dates import months_before
from ..ruleset.mappings import Mappings
from ..ruleset.matching import Match
from .layout import Laid
from .things import Thing

_PROBLEMS = 4  # where the request names no condition
_STAGED = 5
_BEARING = 14  # rows, over all
_SHARED = 4
_STOPPED = 4
_JUST = 12  # months
# SNOMED CT says so itself of what is on many problem lists, and is no illness.
_NO_ILLNESS = ("(finding)", "(situation)")
_CHANGED = ("amended", "corrected", "appended")
_PAST = "superseded"


@dataclass(frozen=True)
class Front:
    """The cards of the first page, as things. `named`: the request names the condition."""

    named: bool
    diagnosis: Sequence[Thing]
    staged: Sequence[Thing]
    hinge: Sequence[Thing]
    plan: Sequence[Thing]
    bearing: Sequence[tuple[str, Sequence[Thing]]]
    shared: Sequence[Thing]
    allergies: Sequence[Thing]
    medications: Sequence[Thing]
    stopped: Sequence[Thing]
    watch: Sequence[Thing]


@dataclass
class _Shelves:
    """Things by section and by record, and which of them have a place already."""

    rows: Mapping[str, Row]
    by_section: Mapping[str, Sequence[Thing]]
    of_key: Mapping[str, Thing]
    taken: set[str] = field(default_factory=set)

    def new(self, found: Iterable[Thing], most: int = 99) -> list[Thing]:
        """Those that stand nowhere yet, and now do."""
        fresh = [thing for thing in found if thing.keys[0] not in self.taken][:most]
        self.taken |= {thing.keys[0] for thing in fresh}
        return fresh

    def keyed(self, keys: Iterable[str]) -> list[Thing]:
        """The things of records."""
        found = [self.of_key[key] for key in keys if key in self.of_key]
        return list({thing.keys[0]: thing for thing in found}.values())

    def means(self, matches: Sequence[Match], thing: Thing) -> bool:
        """Whether a rule means a record of a thing."""
        return any(any_means(matches, self.rows[key]) for key in thing.keys)


def choose(
    laid: Sequence[Laid], rows: Sequence[Row], request: Request, mappings: Mappings, at: datetime
) -> Front:
    """The first page of what leaves (`rows`, as `laid` out), at the case's `as_of`."""
    by_section = {part.section.id: part.things for part in laid}
    of_key = {key: t for part in reversed(laid) for t in part.things for key in t.keys}
    of_key |= {key: t for part in laid if not part.section.text for t in part.things
               for key in t.keys}  # fmt: skip
    shelves = _Shelves({row.key: row for row in rows}, by_section, of_key)
    rules = mappings.sections.front
    hinge = shelves.new(shelves.keyed(request.hinge))
    plan = shelves.new(by_section.get("first-opinion", ()), 2)
    sharing = _sharing(request.question, dict.fromkeys(of_key.values()), rules.common)
    named = request.condition is not None and request.condition in of_key
    diagnosis = _diagnosis(shelves, request, named, sharing, rules.illness)
    watch = [t for name in rules.watch for t in by_section.get(name, ())]
    medications = by_section.get("medications", ())
    current = [t for t in medications if t.now or not t.status or t.status == "unknown"]
    current.sort(key=lambda thing: not shelves.means(rules.thinners, thing))
    return Front(
        named=named,
        diagnosis=diagnosis,
        staged=shelves.new(_staged(shelves, rules.staged), _STAGED),
        hinge=hinge,
        plan=plan,
        allergies=shelves.new(by_section.get("allergies", ())),
        medications=shelves.new(current),
        stopped=shelves.new(_stopped(shelves, medications, at, rules.thinners), _STOPPED),
        watch=shelves.new(watch),
        bearing=list(_bearing(shelves, request, mappings)),
        shared=shelves.new(sharing, _SHARED),
    )


def _diagnosis(
    shelves: _Shelves,
    request: Request,
    named: bool,
    sharing: Sequence[Thing],
    first: Sequence[Match],
) -> list[Thing]:
    if named:
        return shelves.new(shelves.keyed([request.condition or ""]))
    problems = [t for t in shelves.by_section.get("problems", ()) if t.now]
    illnesses = [t for t in problems if t in sharing or not t.title.endswith(_NO_ILLNESS)]
    illnesses.sort(key=lambda thing: (thing not in sharing, not shelves.means(first, thing)))
    return shelves.new(illnesses or problems, _PROBLEMS)


def _staged(shelves: _Shelves, rules: Sequence[Match]) -> list[Thing]:
    found = [t for t in dict.fromkeys(shelves.of_key.values()) if shelves.means(rules, t)]
    return _newest([thing for thing in found if thing.type == "Observation"])


def _bearing(
    shelves: _Shelves, request: Request, mappings: Mappings
) -> Iterable[tuple[str, Sequence[Thing]]]:
    every = list(dict.fromkeys(shelves.of_key.values()))
    left = _BEARING
    for bearing in mappings.orders[request.key_question].bearing:
        if bearing.cases and request.case_type not in bearing.cases:
            continue
        found = _newest([thing for thing in every if shelves.means(bearing.match, thing)])
        if shown := shelves.new(found, min(bearing.most, left)):
            left -= len(shown)
            yield bearing.title, shown


def _newest(found: Sequence[Thing]) -> list[Thing]:
    """The newest first; what was replaced after all that was not, what was changed at the top."""
    by_date = sorted(found, key=lambda thing: thing.last, reverse=True)
    by_date.sort(key=lambda thing: (_PAST in thing.status, not thing.status.startswith(_CHANGED)))
    return by_date


def _stopped(
    shelves: _Shelves, medications: Sequence[Thing], at: datetime, thinners: Sequence[Match]
) -> list[Thing]:
    """What ended lately: with a reason first, then blood thinners, then the newest."""
    since = months_before(at, _JUST)

    def ended(thing: Thing) -> datetime:
        rows = [shelves.rows[key] for key in thing.keys]
        return max(max(row.last, row.supplied_until or row.last) for row in rows)

    found = [t for t in medications if t.status.startswith(("stopped", "completed", "cancelled"))]
    lately = [thing for thing in found if ended(thing) >= since]
    lately.sort(key=ended, reverse=True)
    lately.sort(key=lambda thing: (
        "stopped because" not in thing.finding, not shelves.means(thinners, thing)))  # fmt: skip
    return lately


def _sharing(question: str, every: Iterable[Thing], common: Set[str]) -> list[Thing]:
    """Things that have a distinctive word of the question: one that few of them have, and that
    is not among those that every question may have (`common`).
    """
    words = set(re.findall(r"[^\W_]{4,}", question.casefold())) - common
    stems = {word[: max(4, len(word) - 2)] for word in words}
    texts = {t: f"{t.title} {t.finding}".casefold() for t in every}
    begun = {stem: re.compile(rf"(?<!\w){re.escape(stem)}") for stem in stems}
    hits = {
        stem: [thing for thing, text in texts.items() if pattern.search(text)]
        for stem, pattern in begun.items()
    }
    score: Counter[Thing] = Counter()
    for found in hits.values():
        if 0 < len(found) <= max(6, len(texts) // 20):
            score.update(found)
    return sorted(score, key=lambda thing: (score[thing], thing.last), reverse=True)
