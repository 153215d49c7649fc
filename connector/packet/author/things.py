"""One row per thing, not per event: records that say the same of the same thing, together.

Doses, fractions, screenings, refills, repeated vital signs and diagnoses: of one type, with one
name, the same codes, place in the body and status. A document, a report with a text, an image
stands for itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..chart.index import Row

# Each of these is one of its own, whatever it is called.
_SINGLE = ("DocumentReference", "Composition", "ImagingStudy", "Media", "ClinicalImpression")
_BY_WORDS = ("DiagnosticReport", "Device", "DeviceUseStatement")
_SERIES = "Observation"  # of these every value counts, of others every other wording
_NOW = frozenset({
    "active", "recurrence", "relapse", "in-progress", "on-hold", "intended", "draft", "accepted",
    "preparation", "proposed", "planned", "in-use",
})  # fmt: skip
_NOT_SO = frozenset({"refuted"})


@dataclass(frozen=True)
class Thing:
    """One row. `keys`: its records (`Type/id`), the newest first; `first`, `last`: days, as
    written, empty if none. `finding`: the newest; `earlier`: (day, finding) before it.
    """

    type: str
    keys: tuple[str, ...]
    title: str
    finding: str
    status: str
    first: str
    last: str
    earlier: tuple[tuple[str, str], ...] = ()

    @property
    def dates(self) -> str:
        """When, and how often."""
        if len(self.keys) == 1:
            return self.last
        span = f"{self.first} to {self.last}" if self.first != self.last else self.last
        return f"{span or 'undated'}, {len(self.keys)} times"

    @property
    def now(self) -> bool:
        """Whether it says of itself that it is going on."""
        return _goes_on(self.status)


def _goes_on(status: str) -> bool:
    return status.partition(",")[0] in _NOW


def things(
    rows: Sequence[Row],
    status: Mapping[str, str],
    name: Callable[[Row], str],
    about: Callable[[Row], bool],
    first: Sequence[str] = (),
) -> list[Thing]:
    """Rows in the order of the key question as things: those of `first`, what is active, what is
    `about` the condition, then in the order in which they came; what is not so at the end.
    """
    groups: dict[object, list[Row]] = {}
    for row in rows:
        groups.setdefault(_identity(row, name(row), status[row.key]), []).append(row)
    rank = {key: number for number, key in enumerate(first)}
    ranked = []
    for place, group in enumerate(groups.values()):
        made = _thing(group, status, name)
        order = (
            min(rank.get(row.key, len(rank)) for row in group),
            any(row.verification & _NOT_SO for row in group),
            not made.now,
            not any(about(row) for row in group),
            place,
        )
        ranked.append((order, made))
    return [made for _, made in sorted(ranked, key=lambda pair: pair[0])]


def _identity(row: Row, title: str, status: str) -> object:
    if row.type in _SINGLE or row.contents:
        return row.key
    # Two doses taken side by side, two implants: the one is not what the other was earlier.
    side_by_side = row.type.startswith("Medication") and _goes_on(status)
    said = row.finding if row.type in _BY_WORDS or side_by_side else ""
    return (row.type, title.casefold(), row.codes, row.site, status, said)


def _thing(group: Sequence[Row], status: Mapping[str, str], name: Callable[[Row], str]) -> Thing:
    newest = sorted(group, key=lambda row: row.last, reverse=True)
    last = newest[0]
    earlier: dict[tuple[str, str], None] = {}
    told, before = {last.finding}, last.finding
    for row in newest[1:]:
        new = row.finding != before if row.type == _SERIES else row.finding not in told
        if row.finding and new:
            earlier[(row.written[:10], row.finding)] = None
            told.add(row.finding)
        before = row.finding
    days = sorted(row.written[:10] for row in group if row.written)
    return Thing(
        type=last.type,
        keys=tuple(row.key for row in newest),
        title=name(last),
        finding=last.finding,
        status=status[last.key],
        first=days[0] if days else "",
        last=days[-1] if days else "",
        earlier=tuple(earlier),
    )
