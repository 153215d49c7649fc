"""What other cases of this store brought to the same destination."""

from dataclasses import dataclass, field

from ..case.casefile import CaseFile
from .delivery import deliveries


@dataclass
class Elsewhere:
    """`live`: (type, derived id) of what a case brought that stands.

    `recalled`: what a recalled one brought, by its place (`Type/id` there) → the versions that it
    knows as its own; what only such a case and ours brought is nobody else's.
    """

    live: set[tuple[str, str]] = field(default_factory=set)
    recalled: dict[str, set[str]] = field(default_factory=dict)


def elsewhere(case: CaseFile) -> Elsewhere:
    """Read the other cases' files beside `case`: those of the same source and destination."""
    ends = _ends(case)
    found = Elsewhere()
    for path in sorted(case.folder.parent.glob("*/case.db")):
        if path.parent.name == case.folder.name:
            continue
        with CaseFile.open(path.parent) as other:
            if _ends(other) == ends:
                _add(found, other)
    return found


def _ends(case: CaseFile) -> tuple[object, object]:
    identity = case.state.route or {}
    return identity.get("source_id"), identity.get("destination_id")


def _add(found: Elsewhere, other: CaseFile) -> None:
    if (other.state.kind or "transaction") != "transaction":
        return  # its records stand within a Bundle or a file
    withdrawn = other.state.withdrawal is not None and other.state.withdrawal["how"] == "recall"
    for row in deliveries(other):
        if row.status in ("rejected", "removed"):
            continue
        if not withdrawn:
            found.live.add((row.type, row.id))
        elif row.write_no > 0:
            versions = found.recalled.setdefault(f"{row.type}/{row.target_id}", set())
            versions |= {row.version} if row.version else set()
