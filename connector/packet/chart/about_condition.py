"""What in a chart is about the condition in question: it says so, or shares its encounters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .index import Row

_CONDITION, _ENCOUNTER = "Condition/", "Encounter/"


@dataclass(frozen=True)
class AboutCondition:
    """`condition`: its key; empty: none is named. `encounters`: keys of those it was met in."""

    condition: str = ""
    encounters: frozenset[str] = frozenset()

    @classmethod
    def of(cls, condition: str | None, rows: Mapping[str, Row]) -> "AboutCondition":
        """For the condition that a request names, of the rows of the chart."""
        if condition is None or condition not in rows:
            return cls()
        met = frozenset(key for key in rows[condition].refers if key.startswith(_ENCOUNTER))
        return cls(condition, met)

    def fits(self, row: Row, about: Literal["condition", "no-other"] | None) -> bool:
        """Whether a row is about what a rule asks for."""
        if about is None:
            return True
        if self.includes(row):
            return True
        if about == "condition":
            return False
        return not (self.condition and any(key.startswith(_CONDITION) for key in row.refers))

    def includes(self, row: Row) -> bool:
        """Whether a row says that it is about the condition, or is of one of its encounters."""
        if not self.condition or row.type == "Condition":
            return row.key == self.condition
        return self.condition in row.refers or not self.encounters.isdisjoint(row.refers)
