"""What a person can decide of a single record, and what only law, consent or the source can."""

from ...store.mapped.packet import Decision
from ..ruleset.mappings import Mappings
from .withhold import NEEDS, SAME

_CONSENTS = ("consent", "consent-reviewed", "consent-tells")
_BASES = {
    "patient-authorization": "the patient's signed authorization",
    "consent": "a consent in the chart that names its labels",
}


def not_releasable(decision: Decision, mappings: Mappings) -> str | None:
    """Why a person can't release this withheld record, and what has to be there; None: they can."""
    if decision.rule in _CONSENTS:
        return (
            "a consent in the chart withholds it: have the consent changed at the source, or review"
            " it (`consents` in the request)"
        )
    for rule in mappings.release.rules:
        if rule.id == decision.rule and rule.authorization is not None:
            bases = " or ".join(words for name, words in _BASES.items() if name in rule.unless)
            names = f" (`basis`, with {rule.authorization} in `covers`)"
            return f"{rule.id}: {rule.reason}; it needs {bases}{names}"
    if decision.rule == SAME:
        return "it has the content of another withheld record: that one is to be released"
    if decision.rule == NEEDS:
        return "it can't be without another withheld record: that one is to be released"
    return None
