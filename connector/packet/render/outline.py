"""What the map step tells: plain values for the terminal, the approval and --json."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import ConnectorError
from ...store.mapped.packet import OUTCOMES, Decision
from ..checklist.assess import Finding
from ..checklist.independence import Independence


@dataclass(frozen=True)
class Line:
    """One checklist item. need: required | recommended | optional; kind as in store.packet.Item."""

    item: str
    title: str
    need: str
    kind: str
    why: str
    ask: str
    records: int
    answered: bool

    @property
    def missing(self) -> bool:
        return self.need == "required" and not self.answered


@dataclass(frozen=True)
class Tally:
    """How many records of a type one rule let go or kept."""

    type: str
    rule: str
    reason: str
    count: int


@dataclass(frozen=True)
class Outline:
    """The packet in numbers and sentences. `withheld` is for the operator, nobody else."""

    packet_hash: str
    counts: dict[str, int]  # pulled, selected, not_selected, withheld, entered_in_error, merged
    items: tuple[Line, ...]
    leaving: tuple[Tally, ...]
    staying: tuple[Tally, ...]  # without what is withheld
    advice: str
    independence: tuple[str, ...]  # reasons to doubt that the second team is another one
    independence_unseen: tuple[str, ...]  # what could not be compared
    withheld: tuple[Decision, ...]
    basis: tuple[str, ...]  # on what ground, and what that opens; as sentences
    sensitive: dict[str, Any]  # kinds that leave, and the caveat; for the operator, nobody else
    unknown: tuple[dict[str, Any], ...]  # reports and documents that no kind knows, see checklist
    people: tuple[str, ...]  # what to know of patient and condition before approval
    news: dict[str, dict[str, int]]  # how an update differs from what was told: how → type → number


def outline(
    digest: str,
    pulled: int,
    decisions: Sequence[Decision],
    findings: Iterable[Finding],
    advice: str,
    independence: Independence,
    sensitive: dict[str, Any],
    basis: Sequence[str],
    news: dict[str, dict[str, int]],
    unknown: Sequence[dict[str, Any]],
    people: Sequence[str],
) -> Outline:
    """Sum up. `ConnectorError` if a pulled record has no decision or has two."""
    outcomes = Counter(decision.outcome for decision in decisions)
    if pulled != sum(outcomes[name] for name in OUTCOMES):
        raise ConnectorError(
            f"{pulled} records were pulled, but {outcomes.total()} were decided on",
            "Report this: it is a defect of the program.",
        )
    counts = {"pulled": pulled}
    counts |= {name.replace("-", "_"): outcomes[name] for name in OUTCOMES}
    return Outline(
        packet_hash=digest,
        counts=counts,
        items=tuple(_line(finding) for finding in findings),
        leaving=_tally(d for d in decisions if d.outcome == "selected"),
        staying=_tally(d for d in decisions if d.outcome not in ("selected", "withheld")),
        advice=advice,
        independence=independence.doubts,
        independence_unseen=independence.unseen,
        withheld=tuple(d for d in decisions if d.outcome == "withheld"),
        basis=tuple(basis),
        sensitive=sensitive,
        unknown=tuple(unknown),
        people=tuple(people),
        news=news,
    )


def _line(finding: Finding) -> Line:
    item, row = finding.item, finding.line()
    records = len(finding.good or finding.rows)
    return Line(item.id, item.title, item.need, row.kind, row.why, row.ask, records, row.answered)


def _tally(decisions: Iterable[Decision]) -> tuple[Tally, ...]:
    counts = Counter((d.type, d.rule, d.reason) for d in decisions)
    return tuple(Tally(*key, count) for key, count in sorted(counts.items()))
