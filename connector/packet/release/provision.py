"""One provision of a Consent, held against the disclosure: whom, what, when it means. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...fhir.shapes import as_dict, items, objects_in
from ...fhir.systems import CONFIDENTIALITY
from ..chart.elements import coded
from ..chart.index import Row
from ..record.dates import OPEN, Interval, interval
from ..ruleset.release_rules import ConsentTerms

_NEVER = datetime.min.replace(tzinfo=OPEN.tzinfo)
PERMIT, DENY = "permit", "deny"
_RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"
_LOCAL = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/_history/.*)?\Z")
_LEVELS = frozenset(f"{CONFIDENTIALITY}|{level}" for level in "ULMNRV")
# What may stand in a provision; anything else can't be evaluated, `code` (is what it means to a
# record without that very code said, too?) among it.
_KNOWN = frozenset({
    "id", "extension", "type", "period", "actor", "action", "purpose",
    "securityLabel", "class", "dataPeriod", "data", "provision",
})  # fmt: skip
Truth = bool | None  # None: it can't be said
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Disclosure:
    """What is about to happen, and how to find out what a Consent points to."""

    at: datetime
    purposes: frozenset[str]  # codes of v3-ActReason that it has
    terms: ConsentTerms
    # (Reference, its Consent, whether it is to be denied): is that who receives?
    receives: Callable[[Json, Json, bool], Truth]
    record: Callable[[str], str | None]  # reference → key in the chart
    # A Coding of a label → its names, the present one last.
    labels: Callable[[dict[str, Any]], Iterable[str]] = lambda _: ()
    below: Callable[[str], Iterable[str]] = lambda _: ()  # a label → those that it includes


@dataclass(frozen=True)
class Records:
    """Which records a provision is about: all conditions together; None asks for nothing."""

    labels: frozenset[str] | None = None
    types: frozenset[str] | None = None
    period: Interval | None = None
    keys: frozenset[str] | None = None

    def within(self, outer: "Records") -> "Records":
        """These, of the records of the level above; where that can't be said, all of these."""
        return Records(
            outer.labels if self.labels is None else self.labels,
            _both(self.types, outer.types),
            self.period or outer.period,
            _both(self.keys, outer.keys),
        )

    def mean(self, row: Row, *, surely: bool) -> bool:
        """Whether `row` is one of them. What its date leaves open counts unless `surely`."""
        return (
            (self.labels is None or not self.labels.isdisjoint(row.labels))
            and (self.types is None or row.type in self.types)
            and (self.keys is None or row.key in self.keys)
            and (self.period is None or _dated(row, self.period, surely))
        )


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return other if one is None else one if other is None else one & other


@dataclass(frozen=True)
class Provision:
    """A provision as it stands to the disclosure, with those inside it."""

    kind: str | None
    current: Truth  # its period
    applies: Truth  # when, who, what and why are those of the disclosure
    unclear: tuple[str, ...]
    records: Records
    inner: tuple["Provision", ...]

    @property
    def sure(self) -> bool:
        """Whether it applies, with nothing in it that can't be evaluated."""
        return self.applies is True and not self.unclear


def read_provision(
    value: Json, consent: Json, now: Disclosure, stated: str | None = None
) -> Provision:
    """A provision of a Consent. `stated`: its kind, where it has no type."""
    kind = value.get("type") or stated
    current = within(value.get("period"), now.at)
    truths = {"period": current} | dict(_conditions(value, consent, now, kind != PERMIT))
    applies = False if False in truths.values() else None if None in truths.values() else True
    records, vague = _records(value, now, kind != PERMIT)
    open_ = [name for name, truth in truths.items() if truth is None]
    inner = objects_in(value.get("provision"))
    return Provision(
        kind=kind if isinstance(kind, str) else None,
        current=current,
        applies=applies,
        unclear=(*open_, *vague, *sorted(value.keys() - _KNOWN)),
        records=records,
        inner=tuple(read_provision(each, consent, now) for each in inner),
    )


def _conditions(
    value: Json, consent: Json, now: Disclosure, denying: bool
) -> Iterator[tuple[str, Truth]]:
    """Whether who, what and why are those of the disclosure, where the provision says it."""
    terms = now.terms
    if "actor" in value:
        actors = objects_in(value["actor"])
        yield "actor", any_of([_receives(a, consent, now, denying) for a in actors])
    if "action" in value:
        yield "action", meant(value["action"], terms.actions, terms.other_actions)
    if "purpose" in value:
        yield "purpose", meant(value["purpose"], now.purposes, terms.other_purposes)


def _receives(actor: Json, consent: Json, now: Disclosure, denying: bool) -> Truth:
    if coded(actor.get("role")).isdisjoint(now.terms.recipients) or "modifierExtension" in actor:
        return None
    return now.receives(as_dict(actor.get("reference")), consent, denying)


def _records(value: Json, now: Disclosure, denying: bool) -> tuple[Records, list[str]]:
    """Which records are meant, and the elements that leave that open.

    A denied label stands for all that it includes; a denied record for one of the same type and id
    behind another address.
    """
    vague = []
    labels = [_label(item, now) for item in items(value.get("securityLabel"))]
    # A level of confidentiality means that level and all below it (R4 provision.securityLabel):
    # in a denial that can't be what is meant, in a permission it names nothing.
    if any(not label or label & _LEVELS for label in labels):
        vague.append("securityLabel")
    classes = objects_in(value.get("class"))
    if any(item.get("system") != _RESOURCE_TYPES for item in classes):
        vague.append("class")
    span = _span(value["dataPeriod"]) if "dataPeriod" in value else None
    if "dataPeriod" in value and span is None:
        vague.append("dataPeriod")
    data = objects_in(value.get("data"))
    references = [as_dict(item.get("reference")).get("reference") for item in data]
    if any(item.get("meaning") != "instance" for item in data) or None in references:
        vague.append("data")
    found = [now.record(str(item)) or (denying and _local(str(item))) for item in references]
    if denying and not all(found):
        vague.append("data")
    named = frozenset().union(*map(_exact, labels))
    if denying:
        named = named.union(*map(now.below, named))
    keys = frozenset(key for key in found if key)
    records = Records(
        labels=named if labels else None,
        types=frozenset(str(item.get("code")) for item in classes) if classes else None,
        period=span,
        keys=keys if data else None,
    )
    return records, list(dict.fromkeys(vague))


def _local(reference: str) -> str | None:
    """The type and id that a reference ends in."""
    found = _LOCAL.match(reference)
    return found[1] if found else None


def _label(coding: Any, now: Disclosure) -> frozenset[str]:
    """A Coding of a provision by the present name of its label, where it is known; as written."""
    *_, last = ("", *(now.labels(coding) if isinstance(coding, dict) else ()))
    return frozenset({last}) if "|" in last.removeprefix("|") else coded(coding)


def _exact(label: frozenset[str]) -> frozenset[str]:
    """The codes of a label with their system; without, where it states none."""
    stated = frozenset(token for token in label if "|" in token and not token.startswith("|"))
    return stated or label


def _dated(row: Row, span: Interval, surely: bool) -> bool:
    if row.when is None:
        return not surely
    if surely:
        return span[0] <= row.when[0] and row.when[1] <= span[1]
    return row.when[0] <= span[1] and span[0] <= row.when[1]


def within(period: Any, at: datetime) -> Truth:
    """Whether a moment is in a Period; in none at all it always is."""
    if period is None:
        return True
    span = _span(period)
    return None if span is None else span[0] <= at <= span[1]


def _span(period: Any) -> Interval | None:
    """A Period as an interval; None if it is none that can be read."""
    start, end = as_dict(period).get("start"), as_dict(period).get("end")
    first = interval(str(start)) if start else (_NEVER, _NEVER)
    last = interval(str(end)) if end else (OPEN, OPEN)
    return (first[0], last[1]) if first and last and (start or end) else None


def meant(value: Any, ours: frozenset[str], others: frozenset[str]) -> Truth:
    """Whether one of several codes is ours; one that is neither ours nor known leaves it open."""
    codes = [coded(item) for item in items(value)]
    return any_of([True if code & ours else False if code & others else None for code in codes])


def any_of(truths: Sequence[Truth]) -> Truth:
    """Whether one of them is true; of none it can't be said."""
    return True if True in truths else None if None in truths or not truths else False
