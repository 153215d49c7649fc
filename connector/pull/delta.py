"""A later pull: only what changed is asked for where the server can say so, else all is compared.

`_lastUpdated` finds what is new and what was corrected, never what is gone. So a type asked that
way is compared afterwards, by ids or by count; where the server's are not ours, the type is asked
for whole. What a pull by reference, by `$everything` or by category brought before is always asked
for anew.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, quote, urlencode

from ..errors import EndpointError
from ..instant import instant
from ..store.pulled import query_plan, records
from ..store.pulled.query_plan import Query
from .context import Pull
from .lookup import ask, count, page_of, peek_of

UPDATED = "_lastUpdated"
_GUARD = timedelta(days=1)  # clocks differ, and some servers drop the offset
_FAR = "2999-01-01T00:00:00Z"
_LONG_AGO = "1900-01-01T00:00:00Z"


def narrowed(pull: Pull, since: str, queries: Iterable[Query]) -> list[Query]:
    """The plan of a pull after the one of `since` (UTC, ISO 8601): some queries ask less.

    Call it once, before the plan is stored: it asks the source whether its filter works.
    """
    planned = list(queries)
    fit = {query.key for query in planned if _may(pull, query.key)}
    if not fit or not _works(pull):
        return planned
    after = instant(datetime.fromisoformat(since) - _GUARD)
    why = "only what changed since the pull before, with a day's guard"
    return [
        replace(narrow(pull, query, after), why=f"{query.why}; {why}")
        if query.key in fit
        else query
        for query in planned
    ]


def narrow(pull: Pull, query: Query, since: str) -> Query:
    """The query for what changed since then; as it is where the server is known not to say so."""
    name = query.url.partition("?")[0]
    if UPDATED in pull.known.ignores or UPDATED not in pull.capability.search.get(name, ()):
        return query
    url = _whole(query.url) if is_narrowed(query) else query.url
    return replace(query, url=f"{url}&{UPDATED}=ge{quote(since)}")


def is_narrowed(query: Query) -> bool:
    """Whether a query asks only for what changed."""
    return f"&{UPDATED}=ge" in query.url


def ask_whole_where_records_differ(pull: Pull) -> None:
    """Ask a type for all of its records if the server has others, or more, or fewer than the chart.

    The caller asks what is open then. That is only ever a reason to ask more, never less.
    """
    narrow = [query for query in query_plan.queries(pull.case, "done") if is_narrowed(query)]
    pull.workers.each(lambda query: _ask_whole_unless_same(pull, query), narrow)


def _ask_whole_unless_same(pull: Pull, query: Query) -> None:
    if not _agrees(pull, query):
        why = f"{query.why}; then all, as the server has others"
        query_plan.ask_whole(pull.case, replace(query, url=_whole(query.url), why=why))


def _may(pull: Pull, key: str) -> bool:
    """Whether the server can say what changed of this type, as it did of each record we hold."""
    if UPDATED in pull.known.ignores or pull.known.inexact_total:
        return False
    declared = UPDATED in pull.capability.search.get(key, ())
    return declared and query_plan.without_time(pull.case, key) == 0


def _works(pull: Pull) -> bool:
    """Whether the filter finds the patient since long ago, and nobody in the far future."""
    try:
        return _finds(pull, _LONG_AGO) and not _finds(pull, _FAR)
    except EndpointError:
        return False  # then all is asked for


def _finds(pull: Pull, since: str) -> bool:
    what = "Patient search"
    answer = pull.source.search("Patient", {"_id": pull.patient_id, UPDATED: f"ge{since}"}, what)
    return any(entry.mode == "match" for entry in page_of(answer.body, what).entries)


def _agrees(pull: Pull, query: Query) -> bool:
    """Whether the server has the records that the chart has of a query, and no others.

    Compared by ids where they fit on one page, else by their number.
    """
    held = records.ids(pull.case, query.key)
    if len(held) < pull.settings.page_size:
        ids = _ids(pull, query)
        if ids is not None:
            return ids == held
    return count(pull.source, _whole(query.url), query.key) == len(held)


def _ids(pull: Pull, query: Query) -> set[str] | None:
    """The ids of all the records of a query; None if they are not on one page."""
    what = f"{query.key} ids"
    try:
        answer = ask(pull.source, f"{_whole(query.url)}&_elements=id", what)
        page = page_of(answer.body, what)
        if page.next_url is not None:
            return None
        return {peek_of(e.body, what).id for e in page.entries if e.mode == "match"}
    except EndpointError:
        return None


def _whole(url: str) -> str:
    name, _, parameters = url.partition("?")
    kept = [(n, v) for n, v in parse_qsl(parameters) if n != UPDATED]
    return f"{name}?{urlencode(kept, safe='/,')}"
