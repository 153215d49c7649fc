"""What changed at the source while it was pulled: noticed where the server can say so, fetched.

One page of `$everything?_since` tells it (R4 operation-patient-everything.html) where that is
offered and heeded; elsewhere the types of the checklist are asked by `_lastUpdated`, one page each.
What was deleted meanwhile is seen only where its type is asked again for another reason.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from ..endpoint import Answer
from ..errors import EndpointError
from ..gap import broken_types
from ..instant import instant
from ..store.case import gaps
from ..store.pulled import chart, query_plan
from ..store.pulled.chart import Record
from ..store.pulled.query_plan import Query
from .context import Pull
from .delta import UPDATED, narrow
from .lookup import ask, page_of
from .plan import everything

_GUARD = timedelta(days=1)  # for our own clock, where the server does not tell its own


def moment(answer: Answer) -> str:
    """The server's time when it answered (RFC 9110 6.6.1, `Date`), as a FHIR instant."""
    try:
        told = parsedate_to_datetime(answer.headers.get("date", "")).astimezone(UTC)
    except ValueError:
        told = datetime.now(UTC) - _GUARD
    return instant(told)


def ask_again(pull: Pull, since: str) -> bool:
    """Open the queries of the types that changed since then. True if there are any."""
    planned = pull.searches()
    # What has a gap is asked anew by a later run.
    types = _changed(pull, since, planned) - broken_types(gaps.of(pull.case))
    standing = [q for q in query_plan.queries(pull.case) if q.pages and q.type in types]
    unasked = types - {query.type for query in standing}
    for query in [*standing, *(query for query in planned if query.type in unasked)]:
        why = f"{query.why}; again, as records changed during the pull"
        query_plan.add_queries(pull.case, [query])
        query_plan.ask_otherwise(pull.case, replace(narrow(pull, query, since), why=why))
        query_plan.restart_query(pull.case, query.key)
    return bool(query_plan.queries(pull.case, "open"))


def _changed(pull: Pull, since: str, planned: Iterable[Query]) -> set[str]:
    if "everything" in pull.capability.operations and "_since" not in pull.known.ignores:
        whole = everything(pull.patient_id, pull.settings, "").url
        try:
            news, all_told = _news(pull, f"{whole}&_since={quote(since)}")
        except EndpointError:
            news, all_told = set(), False
        if news or all_told:
            return news
        # Else the server does not take `_since`, or passes over it.
    types: set[str] = set()

    def look(query: Query) -> None:
        try:
            types.update(_news(pull, narrow(pull, query, since).url)[0])
        except EndpointError as error:
            pull.still_there(error)

    wanted = [query for query in planned if query.type in pull.wanted_types]
    pull.workers.each(look, [q for q in wanted if UPDATED in narrow(pull, q, since).url])
    return types


def _news(pull: Pull, url: str) -> tuple[set[str], bool]:
    """The types of records that are not in the chart as they are there; whether that is all."""
    what = "changes search"
    page = page_of(ask(pull.source, url, what).body, what)
    types = set()
    for entry in page.entries:
        found = pull.sieve.examine(entry.body) if entry.mode in ("match", "include") else None
        if isinstance(found, Record) and not chart.holds(pull.case, found):
            types.add(found.type)
    return types, page.next_url is None
