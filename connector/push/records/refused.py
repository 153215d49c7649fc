"""A refusal of many records narrowed down: in which parts they go again, who may be to blame."""

from collections.abc import Iterable

from ..wire.limits import Limits
from ..wire.response import Heard
from .batching import Survey, Unit, flat, pack

# Refusals of one record that may pass by themselves, or be no fault of the record.
_DOUBTFUL = frozenset({409, 500})


class Suspects:
    """Records that were refused alone in a way that may pass by itself, or be no fault of theirs.

    `words`: those since whom nothing passed, and why. `put_aside`: others passed since; they are to
    be tried once more at the end.
    """

    def __init__(self) -> None:
        self.words: dict[str, str] = {}
        self.put_aside: set[str] = set()

    def may_pass(self, key: str, heard: Heard) -> bool:
        """Whether a record that was refused alone may still pass."""
        return heard.status in _DOUBTFUL and key not in self.put_aside

    def acquit(self) -> None:
        """Something passed: the server takes records."""
        self.put_aside |= self.words.keys()
        self.words.clear()


def smaller(
    left: list[Unit], blamed: set[str], whole: Survey, limits: Limits
) -> Iterable[list[Unit]]:
    """`left` in parts, of which one at least holds less."""
    if len(left) == 1:  # a circle: its entries one by one, one of them in a first form
        return [[[key]] for key in left[0]]
    size = sum(whole.sizes[key] for key in flat(left))
    if not limits.take(len(flat(left)), size):  # they have become smaller
        return pack(left, whole.sizes, limits, whole.edges)
    suspected = [unit for unit in left if blamed & set(unit)]
    if 0 < len(suspected) < len(left):
        others = [unit for unit in left if unit not in suspected]
        return [others, *([unit] for unit in suspected)]
    middle = (len(left) + 1) // 2
    return [left[:middle], left[middle:]]
