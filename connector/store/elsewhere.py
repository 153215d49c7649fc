"""What other cases of this store brought to the same destination."""

from dataclasses import dataclass, field

from .casefile import CaseFile
from .delivery import deliveries


@dataclass
class Elsewhere:
    """Keys are (type, derived id).

    `live`: brought by a case that stands. `recalled`: by one that is recalled → the versions that
    it knows as its own; what only such a case and ours brought is nobody else's.
    """

    live: set[tuple[str, str]] = field(default_factory=set)
    recalled: dict[tuple[str, str], set[str]] = field(default_factory=dict)


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
    identity = case.fact("identity") or {}
    return identity.get("source_id"), identity.get("destination_id")


def _add(found: Elsewhere, other: CaseFile) -> None:
    withdrawn = (other.fact("withdrawal") or {}).get("how") == "recall"
    for row in deliveries(other):
        if row.status == "rejected":
            continue
        if not withdrawn:
            found.live.add((row.type, row.id))
        else:
            versions = found.recalled.setdefault((row.type, row.id), set())
            versions |= {row.version} if row.version else set()
