"""Which rules change content on this way: what is translated, and what the destination needs."""

from ...settings import Destination
from ..ruleset.change import Rounding, Rule, Stripping
from ..ruleset.content_rules import Change, RoundDecimals
from ..ruleset.mappings import Mappings
from .translate import Translation


def changing(mappings: Mappings, destination: Destination) -> list[Rule]:
    """The rules in the order in which they apply: translations, then the destination's own."""
    rules: list[Rule] = [
        Translation(file.applies, file.resource)
        for file in mappings.terminology.values()
        if file.applies is not None
    ]
    return [*rules, *map(rule_of, mappings.destination(destination.programme).changes)]


def rule_of(change: Change) -> Rule:
    """A change that a destination needs, ready to be applied."""
    return Rounding(change) if isinstance(change, RoundDecimals) else Stripping(change)
