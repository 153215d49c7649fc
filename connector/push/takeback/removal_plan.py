"""What of a recalled packet can go, and in which order. Pure.

Nothing goes that something which stays refers to: their work would hang in the air. Such a record
of ours is emptied and marked instead, and then refers to less.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from ...fhir.reference_order import reference_order


class There(NamedTuple):
    """One resource as it stands there. Places are `Type/id` there.

    `refers`: the places in it; `marked`: those that are left when it is emptied, None where its
    type can't be marked. `stays`: why it is not ours to take away; empty if it is.
    """

    place: str
    refers: frozenset[str]
    marked: frozenset[str] | None
    stays: str = ""


@dataclass
class Plan:
    """`mark` first, then `delete`: groups of which each refers to none before it.

    `held`: what can be neither deleted nor marked.
    """

    mark: list[str] = field(default_factory=list)
    delete: list[list[str]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)


def plan(found: list[There]) -> Plan:
    """Decide about everything that was read; what `stays` stays."""
    by_place = {there.place: there for there in found}
    needed = {target for there in found if there.stays for target in there.refers}
    made = Plan()
    groups = reference_order({there.place: sorted(there.refers) for there in found})
    for group in reversed(groups):
        going = [place for place in group if not by_place[place].stays]
        while stuck := [place for place in going if place in needed]:
            going = [place for place in going if place not in needed]
            for place in stuck:
                there = by_place[place]
                (made.held if there.marked is None else made.mark).append(place)
                needed |= there.refers if there.marked is None else there.marked
        if going:
            made.delete.append(going)
    return made
