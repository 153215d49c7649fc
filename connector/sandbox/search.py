"""Which resources a search finds, and which come along with them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .outcome import Refusal
from .parameters import COMMON, NONE, PARAMETERS
from .store import Store, Version
from .terms import Term

Query = Sequence[tuple[str, str]]
_INCLUDES = ("_include", "_revinclude")
_CONTROL = {"_count", "_format", "_pretty", "_summary", "_total", *_INCLUDES}
_CONTROL |= {f"{name}:{how}" for name in _INCLUDES for how in ("iterate", "recurse")}


@dataclass(frozen=True)
class Found:
    """The matches of a search, in the order of entry, and the parameters it passed over."""

    matches: list[Version]
    ignored: list[str]


def search(store: Store, name: str, query: Query) -> Found:
    """Resources of type `name` that satisfy every parameter of `query` that is known."""
    candidates = list(store.of_type(name).values())
    ignored = []
    for parameter, value in query:
        if parameter == "_lastUpdated":
            candidates = [version for version in candidates if updated(version, value)]
        elif parameter.endswith(":not"):
            terms = _alternatives(name, parameter.removesuffix(":not"), value)
            others = {id_ for term in terms for id_ in store.find(name, term)}
            candidates = [version for version in candidates if version.id not in others]
        elif parameter.endswith(":missing"):
            bare = parameter.removesuffix(":missing")
            lacks = value == "true"
            candidates = [v for v in candidates if lacks is not any(t[0] == bare for t in v.terms)]
        elif alternatives := _alternatives(name, parameter, value):
            ids = {id_ for term in alternatives for id_ in store.find(name, term)}
            candidates = [version for version in candidates if version.id in ids]
        elif parameter not in _CONTROL:
            ignored.append(parameter)
    return Found(candidates, ignored)


def matches(store: Store, name: str, query: Query) -> list[Version]:
    """What a conditional request means. An unknown parameter is refused: it would widen it."""
    wanted = [_conditional(name, *field) for field in query]
    ids = [{id_ for term in terms for id_ in store.find(name, term)} for terms in wanted]
    common = set.intersection(*ids) if ids else set()
    if not ids:
        raise Refusal(400, "processing", f"Invalid match URL {name}: it has no criterion")
    return [store.of_type(name)[id_] for id_ in sorted(common)]


def satisfies(version: Version, query: Query) -> bool:
    """Whether a resource is one that the conditional `query` would find."""
    wanted = (_conditional(version.type, *field) for field in query)
    return all(not version.terms.isdisjoint(terms) for terms in wanted)


def included(store: Store, found: Version, query: Query) -> list[Version]:
    """What `_include` and `_revinclude` add to one match."""
    added: dict[str, Version] = {}
    frontier = [found]
    while frontier:
        version = frontier.pop()
        for parameter, value in query:
            kind, _, how = parameter.partition(":")
            if kind in _INCLUDES and (how or version is found):
                walk = _pointed_at if kind == "_include" else _pointing
                news = [v for v in walk(store, version, value) if v.reference not in added]
                added |= {v.reference: v for v in news}
                frontier += news
    added.pop(found.reference, None)
    return list(added.values())


def _pointed_at(store: Store, version: Version, spec: str) -> Iterable[Version]:
    name, _, rest = spec.partition(":")
    parameter, _, target_type = rest.partition(":")
    paths = _paths(version.type, parameter)
    for path, target in version.links:
        if spec == "*" or (name == version.type and (parameter == "*" or path in paths)):
            reached = store.alive(target)
            if reached and target_type in ("", reached.type):
                yield reached


def _pointing(store: Store, version: Version, spec: str) -> Iterable[Version]:
    name, _, rest = spec.partition(":")
    paths = _paths(name, rest.partition(":")[0])
    for source in store.referrers(version.reference):
        if source.type == name and any(
            path in paths and target == version.reference for path, target in source.links
        ):
            yield source


def _paths(name: str, parameter: str) -> tuple[str, ...]:
    """Element paths of a reference parameter; an element may also be named directly."""
    known = PARAMETERS.get(name, NONE).references
    return known.get(parameter, (parameter, f"{parameter}Reference"))


def _conditional(name: str, parameter: str, value: str) -> list[Term]:
    terms = _alternatives(name, parameter, value)
    if not terms:
        text = f"Invalid match URL: {name} has no parameter {parameter}"
        raise Refusal(400, "processing", text)
    return terms


def _alternatives(name: str, parameter: str, value: str) -> list[Term]:
    """The terms of which a resource must carry one; none when the parameter is not known.

    Values are separated by commas. Of the modifiers only `subject:Patient=1` is understood.
    """
    parameter, _, modifier = parameter.partition(":")
    known = PARAMETERS.get(name, NONE)
    if parameter not in COMMON and parameter not in known.names():
        return []
    if modifier and (parameter not in known.references or modifier not in PARAMETERS):
        raise Refusal(400, "not-supported", f"Modifier :{modifier} of {parameter}")
    # In R4 the parameter `patient` leads to a Patient only, whatever the element may hold.
    prefix = modifier or ("Patient" if parameter == "patient" else "")
    values = [text.replace("\\,", ",") for text in re.split(r"(?<!\\),", value)]
    if prefix:
        values = [text if "/" in text else f"{prefix}/{text}" for text in values]
    return [(parameter, text) for text in values]


def updated(version: Version, value: str) -> bool:
    """`_lastUpdated` with its prefix: dates are intervals, in UTC unless an offset is given."""
    match = re.fullmatch(r"(eq|ge|gt|le|lt)?(\d{4})(?:-(\d\d)(?:-(\d\d)(T.+)?)?)?", value)
    if not match:
        raise Refusal(400, "processing", f"Invalid date {value}")
    prefix, year, month, day, time = match.groups()
    try:
        start = datetime.fromisoformat(f"{year}-{month or '01'}-{day or '01'}{time or 'T00:00'}")
    except ValueError:
        raise Refusal(400, "processing", f"Invalid date {value}") from None
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    end = start + _length(month, day, time, start)
    moment = version.updated
    comparisons = {"ge": moment >= start, "gt": moment >= end, "le": moment < end}
    comparisons["lt"] = moment < start
    return comparisons.get(prefix or "eq", start <= moment < end)


def _length(month: str | None, day: str | None, time: str | None, start: datetime) -> timedelta:
    if time:
        return timedelta(milliseconds=1) if "." in time else timedelta(seconds=1)
    if day:
        return timedelta(days=1)
    later = start.replace(day=28) + timedelta(days=4) if month else start.replace(month=12, day=31)
    return (later.replace(day=1) if month else later + timedelta(days=1)) - start
