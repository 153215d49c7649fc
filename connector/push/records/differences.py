"""What differs from what was to arrive: what it stops, and in which words it is told."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from ...errors import DestinationRefused, Held, ReadBackDiffers
from ...fhir.equality import OTHER_BASE
from ...store.sent.delivery import Delivery
from ..wire.change import Change
from .ownership import Whose


class Finding(NamedTuple):
    """A resource that differs. `revision` is how to bring it up to date, where that is ours."""

    row: Delivery
    whose: Whose
    revision: Change | None
    why: str = ""


def must_not_be_theirs(found: Iterable[Finding]) -> None:
    """Raise `Held` (`theirs`) for what somebody else wrote."""
    theirs = [one.row for one in found if one.whose is Whose.THEIRS]
    if theirs:
        raise Held(
            "theirs",
            "what stands at the destination is neither what was sent nor what we left there"
            f" earlier: {_counted(theirs)}",
            "Ask the people who run the destination what was changed and why; nothing was written"
            " over it. If your own store was restored or lost: `connector reconcile CASE`.",
        )


def must_be_new(stale: Collection[Delivery]) -> None:
    """Raise `DestinationRefused` for what is shown as before it was brought up to date."""
    if stale:
        raise DestinationRefused(
            f"read back: still shown as before they were brought up to date: {_counted(stale)}",
            "The same command goes on from here; raise `search_lag_s` if it happens again.",
        )


def must_not_differ(found: Iterable[Finding]) -> None:
    """Raise `ReadBackDiffers` for what is not brought up to date."""
    differing = [one for one in found if one.revision is None]
    if differing:
        counted = _counted(one.row for one in differing)
        away = OTHER_BASE in {one.why for one in differing}
        raise ReadBackDiffers(
            f"what stands at the destination is not what was sent: {counted}"
            + (f" ({OTHER_BASE})" if away else ""),
            "Configure the base_url under which the server writes its references, or have it write"
            " them under this one."
            if away
            else "Ask the people who run the destination what changes or removes such records."
            " Is your own store a restored one: `connector transfer REQUEST --update`.",
        )


def _counted(rows: Iterable[Delivery]) -> str:
    counts = Counter(row.type for row in rows)
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
