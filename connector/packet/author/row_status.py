"""How a record stands: its status, doubts about it, and whether another has replaced it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ..chart.index import Row

# allergyintolerance-verification, condition-ver-status: all but `confirmed`, the usual one.
_DOUBTS = ("unconfirmed", "presumed", "provisional", "differential", "refuted")
_CORRECTED = ("amended", "corrected")
_SUPERSEDED = "superseded"


def row_status(rows: Sequence[Row]) -> Mapping[str, str]:
    """Key → the words for how each record stands among those that leave; empty: it says nothing."""
    replaced = frozenset(key for row in rows for key in row.replaces)
    perhaps = _perhaps_replaced(rows) - replaced
    return {row.key: ", ".join(_words(row, replaced, perhaps)) for row in rows}


def _words(row: Row, replaced: frozenset[str], perhaps: frozenset[str]) -> Iterable[str]:
    said = dict.fromkeys(word for word in (row.status,) if word != "unstated")
    said |= dict.fromkeys(word for word in _DOUBTS if word in row.verification)
    if row.document_status not in ("", "final"):
        said[row.document_status] = None
    if row.key in replaced:
        said[_SUPERSEDED] = None
    if row.key in perhaps:
        said[f"perhaps {_SUPERSEDED}"] = None
    return said


def _perhaps_replaced(rows: Sequence[Row]) -> frozenset[str]:
    """Reports of which there is a corrected one with the same codes, name and date. Nothing says
    that it is of the same study: two knees may have been looked at on one day.
    """
    found: set[str] = set()
    alike: dict[object, list[Row]] = defaultdict(list)
    for row in rows:
        if row.type == "DiagnosticReport" and row.when is not None:
            alike[(row.codes, row.title, row.when)].append(row)
    for reports in alike.values():
        if any(report.status in _CORRECTED for report in reports):
            found |= {report.key for report in reports if report.status == "final"}
    return frozenset(found)
