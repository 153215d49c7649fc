"""Holes of one way filled by the other: searches that failed by `$everything`, and the reverse.

A gap goes only if the other way really brought what is missing, and never if the server refused
the search: `$everything` may give what that account may see, and no more. What was filled, and
how, stays in `CaseState.filled` and is shown with the plan.
"""

from collections.abc import Sequence

from ...gap import BROKEN, GapKind, Wanted
from ...store.case import gaps
from ...store.pulled import query_plan
from ...store.pulled.query_plan import Query
from ..compartment import COMPARTMENT
from ..context import Pull
from ..plan import EVERYTHING, everything
from .queries import ask_open, seen_types

_IN_PART = "$everything brought records of it, perhaps not all"


def fill(pull: Pull) -> None:
    """Fill what can be filled. Raises `Waiting` or `SourceFailed`, as asking does."""
    if pull.settings.pull == "auto":
        _by_everything(pull)
    elif pull.settings.pull == "everything":
        _by_searches(pull)


def _by_everything(pull: Pull) -> None:
    # Only what never had an answer: a page with another patient's record, say, is no hole to fill.
    holes = [
        query
        for query in query_plan.queries(pull.case, "failed")
        if query.pages == 0 and query.key != EVERYTHING and query.type in COMPARTMENT
    ]
    if not holes or "everything" not in pull.capability.operations:
        return
    names = ", ".join(sorted({query.type for query in holes}))
    why = f"fills what searches did not give: {names}"
    query_plan.add_queries(pull.case, [everything(pull.patient_id, pull.settings, why)])
    ask_open(pull)
    if not _is_done(pull, EVERYTHING):
        return
    brought = seen_types(pull.case)
    for query in holes:
        if query.type in brought:
            how = f"by $everything, which brought {query.type}"
            _filled(pull, query.key, how, (GapKind.FAILED,))
            _perhaps_in_part(pull, query.key)


def _by_searches(pull: Pull) -> None:
    if _is_done(pull, EVERYTHING):
        return
    why = "fills what $everything did not give"
    made = pull.searches()
    query_plan.add_queries(pull.case, (Query(q.key, q.url, f"{why}; {q.why}") for q in made))
    ask_open(pull)
    failed = {q.type for q in query_plan.queries(pull.case, "failed") if q.key != EVERYTHING}
    asked = {query.type for query in made}
    for name in (asked & pull.wanted_types) - failed:
        _filled(pull, name, "by a search of its own")
    if not failed:
        _filled(pull, EVERYTHING, "by one search for each type")


def _perhaps_in_part(pull: Pull, what: str) -> None:
    """A search that was refused stays a gap: who may not ask may not be given all either."""
    wanted = (Wanted.of_query(what),)
    if gaps.find(pull.case, wanted, GapKind.REFUSED):
        pull.gap(wanted, GapKind.REFUSED, _IN_PART)


def _filled(pull: Pull, what: str, how: str, kinds: Sequence[GapKind] = BROKEN) -> None:
    with pull.case.commit():
        if sum(gaps.drop(pull.case, (Wanted.of_query(what),), kind) for kind in kinds):
            filled = pull.case.state.filled
            pull.case.state.filled = {**filled, what: how}


def _is_done(pull: Pull, key: str) -> bool:
    return any(query.key == key for query in query_plan.queries(pull.case, "done"))
