"""What a Consent (R4, with the shape of IHE PCF) says of one disclosure. Pure.

FHIR R4 consent.html; IHE PCF: `provision.type` at the root, exceptions one level below. The
decision table stands in docs/release.md. What can't be evaluated counts against the disclosure: a
denial that may apply is unclear (a person decides), a permission that may not apply is not used.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ...fhir.shapes import as_dict, items, objects_in
from ...fhir.systems import CONFIDENTIALITY
from ..chart.index import Row, coded
from ..record.dates import OPEN, Interval, interval
from ..ruleset.rules import ConsentTerms

_NEVER = datetime.min.replace(tzinfo=OPEN.tzinfo)
_PERMIT, _DENY = "permit", "deny"
# R4 consent-policy codes of v3-ActCode, where the root provision has no type (as R4 wants it).
_BASES = {"OPTIN": _PERMIT, "OPTINR": _PERMIT, "OPTOUT": _DENY, "OPTOUTE": _DENY}
_OUTRIGHT = frozenset({"OPTIN", "OPTOUT"})  # the others have exceptions, told or not
_RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"
_NOT_ACTIVE = ("draft", "proposed", "rejected", "inactive", "entered-in-error")
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
class Denial:
    """These records may not be disclosed, but for the exceptions."""

    records: Records
    exceptions: tuple[Records, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What one Consent says. `unclear`: the elements on which a person has to decide."""

    denials: tuple[Denial, ...] = ()
    permits: tuple[Records, ...] = ()
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Provision:
    kind: str | None
    current: Truth  # its period
    applies: Truth  # when, who, what and why are those of the disclosure
    unclear: tuple[str, ...]
    records: Records
    inner: tuple["_Provision", ...]

    @property
    def sure(self) -> bool:
        return self.applies is True and not self.unclear


def tells(consent: Json, terms: ConsentTerms) -> bool:
    """Whether a Consent says by itself that there is something to hold back.

    One of another scope does not: an advance directive that denies resuscitation has to be seen.
    """
    if _on_privacy(consent, terms) is False:
        return False
    every = [each for root in objects_in(consent.get("provision")) for each in _nested(root)]
    restricts = any(each.get("type") == _DENY or "securityLabel" in each for each in every)
    return restricts or bool(coded(consent.get("policyRule")) & (_BASES.keys() - {"OPTIN"}))


def _nested(provision: Json) -> Iterator[Json]:
    """A provision and all that stand inside it, at every level."""
    yield provision
    for inner in objects_in(provision.get("provision")):
        yield from _nested(inner)


def read_consent(consent: Json, now: Disclosure) -> Reading:
    """What a Consent says of the disclosure `now`; nothing if it isn't active or not on privacy."""
    on_privacy = _on_privacy(consent, now.terms)
    if consent.get("status") in _NOT_ACTIVE or on_privacy is False:
        return Reading()
    strange = [name for name in ("modifierExtension", "implicitRules") if name in consent]
    strange += [] if consent.get("status") == "active" else ["status"]
    strange += [] if on_privacy else ["scope"]
    if strange:
        return Reading(unclear=tuple(strange))
    policies = coded(consent.get("policyRule")) & _BASES.keys()
    bases = {_BASES[policy] for policy in policies}
    if "provision" not in consent and not policies <= _OUTRIGHT:
        return Reading(unclear=("provision",))
    stated = bases.pop() if len(bases) == 1 else None
    root = _provision(as_dict(consent.get("provision")), consent, now, stated)
    kind = root.kind
    if kind == _DENY:
        return _denying(root)
    if kind == _PERMIT:
        # R4 Consent.verification: one that was asked about and not confirmed is not relied on.
        confirmed = all(v.get("verified") is True for v in objects_in(consent.get("verification")))
        return _permitting(root, confirmed)
    return Reading(unclear=("provision.type",))


def _on_privacy(consent: Json, terms: ConsentTerms) -> Truth:
    """Whether its scope is one of those that are evaluated, under any name of the code's system."""
    codes = {token.casefold() for token in coded(consent.get("scope")) if "|" not in token}
    if codes & _codes(terms.scopes):
        return True
    return False if codes and codes <= _codes(terms.other_scopes) else None


def _codes(tokens: Iterable[str]) -> set[str]:
    return {token.rpartition("|")[2] for token in tokens}


def _denying(root: _Provision) -> Reading:
    denials, unclear = _denied_inside(root)
    if root.applies is not False and root.unclear:
        unclear = (*_named("provision", root), *unclear)
    elif root.applies is not False:
        exceptions = [each.records for each in root.inner if each.kind == _PERMIT and _plain(each)]
        denials = (Denial(root.records, tuple(exceptions)), *denials)
    return Reading(denials=denials, unclear=unclear)


def _permitting(root: _Provision, confirmed: bool) -> Reading:
    """Its exceptions count whomever it permits: only its period bounds them."""
    denials, unclear = _denied_inside(root)
    permits: list[Records] = []
    if confirmed and root.sure:
        inner = [each.records for each in root.inner if each.kind == _PERMIT and _plain(each)]
        permits = [root.records, *inner]
    return Reading(denials, tuple(permits), unclear)


def _denied_inside(root: _Provision) -> tuple[tuple[Denial, ...], tuple[str, ...]]:
    """What is denied below the root, at every level, and what of that can't be evaluated.

    What a denial excepts in turn stays denied. A level whose period is over says nothing.
    """
    denials: list[Denial] = []
    unclear: list[str] = []
    level = [("provision.provision", each) for each in root.inner if root.current is not False]
    while level:
        for place, each in level:
            if each.kind == _DENY and each.applies is not False:
                if each.unclear:
                    unclear += _named(place, each)
                else:
                    denials.append(Denial(each.records))
            elif each.kind not in (_PERMIT, _DENY) and each.applies is not False:
                unclear.append(f"{place}.type")
        level = [
            (f"{place}.provision", replace(inner, records=inner.records.within(each.records)))
            for place, each in level
            if each.current is not False
            for inner in each.inner
        ]
    return tuple(denials), tuple(dict.fromkeys(unclear))


def _plain(provision: _Provision) -> bool:
    return provision.sure and not provision.inner


def _named(place: str, provision: _Provision) -> tuple[str, ...]:
    return tuple(f"{place}.{name}" for name in provision.unclear)


def _provision(
    value: Json, consent: Json, now: Disclosure, stated: str | None = None
) -> _Provision:
    """`stated`: its kind, where it has no type."""
    kind = value.get("type") or stated
    current = _within(value.get("period"), now.at)
    truths = {"period": current} | dict(_conditions(value, consent, now, kind != _PERMIT))
    applies = False if False in truths.values() else None if None in truths.values() else True
    records, vague = _records(value, now, kind != _PERMIT)
    open_ = [name for name, truth in truths.items() if truth is None]
    inner = objects_in(value.get("provision"))
    return _Provision(
        kind=kind if isinstance(kind, str) else None,
        current=current,
        applies=applies,
        unclear=(*open_, *vague, *sorted(value.keys() - _KNOWN)),
        records=records,
        inner=tuple(_provision(each, consent, now) for each in inner),
    )


def _conditions(
    value: Json, consent: Json, now: Disclosure, denying: bool
) -> Iterator[tuple[str, Truth]]:
    """Whether who, what and why are those of the disclosure, where the provision says it."""
    terms = now.terms
    if "actor" in value:
        actors = objects_in(value["actor"])
        yield "actor", _any([_receives(a, consent, now, denying) for a in actors])
    if "action" in value:
        yield "action", _meant(value["action"], terms.actions, terms.other_actions)
    if "purpose" in value:
        yield "purpose", _meant(value["purpose"], now.purposes, terms.other_purposes)


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


def _within(period: Any, at: datetime) -> Truth:
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


def _meant(value: Any, ours: frozenset[str], others: frozenset[str]) -> Truth:
    """Whether one of several codes is ours; one that is neither ours nor known leaves it open."""
    codes = [coded(item) for item in items(value)]
    return _any([True if code & ours else False if code & others else None for code in codes])


def _any(truths: Sequence[Truth]) -> Truth:
    return True if True in truths else None if None in truths or not truths else False
