"""A later pull: only what changed is asked for where the server can say so, else all is compared.

`_lastUpdated` finds what is new and what was corrected, never what is gone. So a type asked that
way is counted afterwards; where the server's count is not ours, the type is asked for whole. What
a pull by reference, by `$everything` or by category brought before is always asked for anew.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, quote, urlencode

from ..errors import EndpointError
from ..fhir.lossless import UndecodableError, decode
from ..store import chart
from ..store.chart import Query
from .context import Pull
from .lookup import page_of

_UPDATED = "_lastUpdated"
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
    moment = datetime.fromisoformat(since) - _GUARD
    after = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        replace(
            query,
            url=f"{query.url}&{_UPDATED}=ge{quote(after)}",
            why=f"{query.why}; only what changed since the pull before, with a day's guard",
        )
        if query.key in fit
        else query
        for query in planned
    ]


def is_narrowed(query: Query) -> bool:
    """Whether a query asks only for what changed."""
    return f"&{_UPDATED}=ge" in query.url


def ask_whole_where_counts_differ(pull: Pull) -> None:
    """Ask a type for all of its records if the server has another number of them than the chart.

    The caller asks what is open then. A count is only ever a reason to ask more, never less.
    """
    for query in chart.queries(pull.case, "done"):
        if is_narrowed(query) and _counted(pull, query) != _held(pull, query.key):
            why = f"{query.why}; then all, as the numbers differ"
            chart.ask_whole(pull.case, replace(query, url=_whole(query.url), why=why))


def _may(pull: Pull, key: str) -> bool:
    """Whether the server can say what changed of this type, as it did of each record we hold."""
    if _UPDATED in pull.known.ignores or pull.known.inexact_total:
        return False
    return (
        _UPDATED in pull.capability.search.get(key, ()) and chart.without_time(pull.case, key) == 0
    )


def _works(pull: Pull) -> bool:
    """Whether the filter finds the patient since long ago, and nobody in the far future."""
    try:
        return _finds(pull, _LONG_AGO) and not _finds(pull, _FAR)
    except EndpointError:
        return False  # then all is asked for


def _finds(pull: Pull, since: str) -> bool:
    what = "Patient search"
    answer = pull.source.search("Patient", {"_id": pull.patient_id, _UPDATED: f"ge{since}"}, what)
    return any(entry.mode == "match" for entry in page_of(answer.body, what).entries)


def _counted(pull: Pull, query: Query) -> int | None:
    """The server's own number of all the records of a query; None if it does not say."""
    url = f"{_whole(query.url)}&_summary=count"
    try:
        bundle = decode(pull.source.get(url, f"{query.key} count", fresh=True).body)
    except (EndpointError, UndecodableError):
        return None
    total = bundle.get("total") if isinstance(bundle, dict) else None
    return total if isinstance(total, int) else None


def _held(pull: Pull, key: str) -> int:
    found = pull.case.row("SELECT count(*) FROM record WHERE query = ?", (key,))
    return int(found[0]) if found else 0


def _whole(url: str) -> str:
    name, _, parameters = url.partition("?")
    kept = [(n, v) for n, v in parse_qsl(parameters) if n != _UPDATED]
    return f"{name}?{urlencode(kept, safe='/,')}"
