"""Searches that were answered, but not by a Bundle: 404, or an OperationOutcome that only warns.

Some servers say so that nothing was found. It may as well mean that the type is not served, so it
is put to the test: the same kind of search, of a type that is served for certain, for an id that
nobody has. If that is answered alike, it is this server's way to say so. Told once for all types.
"""

import uuid

from ...errors import Answered, EndpointError
from ...gap import GapKind, Wanted
from ...store.case import gaps
from ...store.case.casefile import CaseFile
from ...store.pulled import query_plan, records
from ..context import Pull
from ..lookup import ask, page_of

STATUSES = (200, 404)
_ASKED_MAX = 5  # types that are put to the test
_NOTHING = "the way in which this server says that nothing was found"
_HOW = {200: "an OperationOutcome that only warns", 404: "HTTP 404"}


def settle(pull: Pull) -> None:
    """Find out what such answers mean, and tell it. Raises what `still_there` raises."""
    for status in STATUSES:
        found = pull.unfound.take(status)
        if not found:
            continue
        empty = _says_so_of_nothing(pull, status)
        if empty:
            kind, why = GapKind.SEARCHED_NONE, _NOTHING
        else:
            kind = GapKind.REFUSED if status == 404 else GapKind.FAILED
            why = "nothing was found, perhaps, or the type is not served"
        wanted = {Wanted.of_query(query.key) for query in found}
        former, now = pull.unfound.told(kind, status, wanted)
        with pull.case.commit():
            gaps.drop(pull.case, former, kind)
            pull.gap(now, kind, f"{_HOW[status]}: {why}")
            for query in found if empty else ():
                query_plan.end_query(pull.case, query.key)


def says_nothing(case: CaseFile, name: str) -> frozenset[int]:
    """The statuses by which the server was found to say that it has none of a type (`settle`)."""
    wanted = Wanted.of_query(name)
    told = {reason for g in gaps.of(case) if wanted in g.wanted for reason in g.reasons}
    return frozenset(status for status in STATUSES if f"{_HOW[status]}: {_NOTHING}" in told)


def _says_so_of_nothing(pull: Pull, status: int) -> bool:
    served = records.types(pull.case)
    tried = [q for q in query_plan.queries(pull.case) if q.url.partition("?")[0] in served]
    for query in tried[:_ASKED_MAX]:
        if "?" not in query.url or "_id=" in query.url:
            continue
        name = f"{query.url.partition('?')[0]} search"
        try:
            # Of this patient, so that a server that passes over `_id` sends nobody else's records.
            page_of(ask(pull.source, f"{query.url}&_id={uuid.uuid4()}", name).body, name)
        except Answered as error:
            if error.status == status:
                return True
        except EndpointError as error:
            pull.still_there(error)
    return False
