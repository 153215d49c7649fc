"""What a Consent (R4, with the shape of IHE PCF) says of one disclosure. Pure.

FHIR R4 consent.html; IHE PCF: `provision.type` at the root, exceptions one level below. The
decision table stands in docs/release.md. What can't be evaluated counts against the disclosure: a
denial that may apply is unclear (a person decides), a permission that may not apply is not used.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ...fhir.shapes import as_dict, objects_in
from ..chart.elements import coded
from ..ruleset.release_rules import ConsentTerms
from .provision import DENY, PERMIT, Disclosure, Json, Provision, Records, Truth, read_provision

# R4 consent-policy codes of v3-ActCode, where the root provision has no type (as R4 wants it).
_BASES = {"OPTIN": PERMIT, "OPTINR": PERMIT, "OPTOUT": DENY, "OPTOUTE": DENY}
_OUTRIGHT = frozenset({"OPTIN", "OPTOUT"})  # the others have exceptions, told or not
_NOT_ACTIVE = ("draft", "proposed", "rejected", "inactive", "entered-in-error")


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


def tells(consent: Json, terms: ConsentTerms) -> bool:
    """Whether a Consent says by itself that there is something to hold back.

    One of another scope does not: an advance directive that denies resuscitation has to be seen.
    """
    if _on_privacy(consent, terms) is False:
        return False
    every = [each for root in objects_in(consent.get("provision")) for each in _nested(root)]
    restricts = any(each.get("type") == DENY or "securityLabel" in each for each in every)
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
    root = read_provision(as_dict(consent.get("provision")), consent, now, stated)
    kind = root.kind
    if kind == DENY:
        return _denying(root)
    if kind == PERMIT:
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


def _denying(root: Provision) -> Reading:
    denials, unclear = _denied_inside(root)
    if root.applies is not False and root.unclear:
        unclear = (*_named("provision", root), *unclear)
    elif root.applies is not False:
        exceptions = [each.records for each in root.inner if each.kind == PERMIT and _plain(each)]
        denials = (Denial(root.records, tuple(exceptions)), *denials)
    return Reading(denials=denials, unclear=unclear)


def _permitting(root: Provision, confirmed: bool) -> Reading:
    """Its exceptions count whomever it permits: only its period bounds them."""
    denials, unclear = _denied_inside(root)
    permits: list[Records] = []
    if confirmed and root.sure:
        inner = [each.records for each in root.inner if each.kind == PERMIT and _plain(each)]
        permits = [root.records, *inner]
    return Reading(denials, tuple(permits), unclear)


def _denied_inside(root: Provision) -> tuple[tuple[Denial, ...], tuple[str, ...]]:
    """What is denied below the root, at every level, and what of that can't be evaluated.

    What a denial excepts in turn stays denied. A level whose period is over says nothing.
    """
    denials: list[Denial] = []
    unclear: list[str] = []
    level = [("provision.provision", each) for each in root.inner if root.current is not False]
    while level:
        for place, each in level:
            if each.kind == DENY and each.applies is not False:
                if each.unclear:
                    unclear += _named(place, each)
                else:
                    denials.append(Denial(each.records))
            elif each.kind not in (PERMIT, DENY) and each.applies is not False:
                unclear.append(f"{place}.type")
        level = [
            (f"{place}.provision", replace(inner, records=inner.records.within(each.records)))
            for place, each in level
            if each.current is not False
            for inner in each.inner
        ]
    return tuple(denials), tuple(dict.fromkeys(unclear))


def _plain(provision: Provision) -> bool:
    return provision.sure and not provision.inner


def _named(place: str, provision: Provision) -> tuple[str, ...]:
    return tuple(f"{place}.{name}" for name in provision.unclear)
