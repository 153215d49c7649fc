"""Asking the queries on the plan, page by page, each page committed before the next is asked."""

import time
from dataclasses import replace

from ...errors import Answered, EndpointError
from ...fhir import bundle
from ...gap import GapKind, Wanted
from ...store.case.casefile import CaseFile
from ...store.pulled import counts, query_plan
from ...store.pulled.query_plan import Query
from ..compartment import BESIDE, COMPARTMENT
from ..context import Pull
from ..gaps import kind_of
from ..lookup import DEMANDS, ask, page_of
from ..plan import EVERYTHING, by_category, by_presence, searches, wider
from ..records import Problem
from . import no_bundle
from .bound import by_another
from .next_page import next_page
from .page import Sifted, sift
from .totals import ask_again

_RESTARTS_MAX = 2  # of one query in one run
_FORGOTTEN = (404, 410)  # answers to a page that was there: HAPI keeps a result for an hour


def ask_open(pull: Pull) -> None:
    """Ask every open query to its end, several at once. What breaks becomes a gap.

    Raises `Waiting` or `SourceFailed`; committed pages are kept, another run goes on from there.
    """
    while opened := query_plan.queries(pull.case, "open"):  # a query may be split into others
        pull.workers.each(lambda query: _ask(pull, query), opened)
        ask_again(pull)
    no_bundle.settle(pull)


def _ask(pull: Pull, query: Query) -> None:
    """Ask one query to its end, over again if the server forgets its pages meanwhile."""
    for attempt in range(_RESTARTS_MAX + 1):
        forgotten = _ask_pages(pull, query)
        if forgotten is None:
            return
        if attempt < _RESTARTS_MAX:
            query_plan.restart_query(pull.case, query.key)
            query = replace(query, next_url=None, pages=0)
    with pull.case.commit():
        query_plan.fail_query(pull.case, query.key)
        why = f"the server forgets its pages before they are read ({forgotten})"
        _gap_of_broken_off(pull, query, Problem(GapKind.FAILED, why))


def _ask_pages(pull: Pull, query: Query) -> str | None:
    """Ask page after page. Returns what the server said if it knows a page no longer, else None."""
    name = str(Wanted.of_query(query.key))
    if query.next_url is None:
        query = _otherwise(pull, query, pull.page_size.fitting(query))
    url: str | None = query.next_url or query.url
    pages = query.pages
    clean = True
    while url is not None and not pull.workers.stopping:
        try:
            began = time.monotonic()
            answer = ask(pull.source, url, f"{name} search")
            took_s = time.monotonic() - began
            page = page_of(answer.body, f"{name} search")
        except EndpointError as error:
            status = error.status if isinstance(error, Answered) else None
            if status in _FORGOTTEN and url != query.url:
                return f"HTTP {status}"
            if (
                status in no_bundle.STATUSES
                and url == query.url
                and "/" not in url.partition("?")[0]
            ):
                pull.unfound.add(status, query)
                query_plan.fail_query(pull.case, query.key)
                return None
            if status in DEMANDS and url == query.url:
                other = _in_smaller_pages(pull, query) or _asked_otherwise(pull, query)
                if other is None:
                    return None
                if other is not query:
                    query, url = other, other.url
                    continue
            pull.still_there(error)
            with pull.case.commit():
                query_plan.fail_query(pull.case, query.key)
                why = _explained(pull, error, query)
                _gap_of_broken_off(pull, query, Problem(kind_of(error), why))
            break
        found = sift(pull, query, page, url == query.url)
        if found.doubt:
            again = _asked_by_another(pull, query, found.doubt)
            if again is None:
                break
            query, url, pages, clean = again, again.url, 0, True
            continue
        pages += 1
        pull.page_size.taken()
        url, clean = _commit(pull, query, url, page, found, pages, clean)
        pull.tally.page(name, len(answer.body), took_s)
        pull.tell(f"{name} {pages} page{'s' if pages > 1 else ''}")
    return None


def _in_smaller_pages(pull: Pull, query: Query) -> Query | None:
    """The query with a `_count` that the server takes; None if it is not that."""

    def answers(other: Query) -> bool:
        name = f"{Wanted.of_query(query.key)} search"
        try:
            page_of(ask(pull.source, other.url, name).body, name)
        except EndpointError as error:
            pull.still_there(error)
            return isinstance(error, Answered) and error.status in no_bundle.STATUSES
        return True

    other = pull.page_size.smaller(query, answers)
    return None if other is None else _otherwise(pull, query, other)


def _otherwise(pull: Pull, query: Query, other: Query) -> Query:
    if other != query:
        query_plan.ask_otherwise(pull.case, other)
    return other


def _asked_otherwise(pull: Pull, query: Query) -> Query | None:
    """What to ask after a 400: the query with another URL; itself, unchanged, if there is no other
    way; None if it was split into others."""
    name = query.url.partition("?")[0]
    if other := wider(query, pull.capability, pull.known):
        query_plan.ask_otherwise(pull.case, other)
        return other
    categories = pull.known.of(name).category
    declared = pull.capability.search.get(name) or {"category"}
    if query.key == name and categories and "category" in declared:
        plain = next(q for q in _planned(pull) if q.key == name)
        why = "the server refused the type as a whole: one category at a time"
        parts = by_category(plain, categories, why)
    else:
        parts = by_presence(query, pull.capability, pull.known)
    if not parts:
        return query
    query_plan.split_query(pull.case, query.key, parts)
    return None


def _planned(pull: Pull) -> list[Query]:
    return searches(
        pull.capability, pull.patient_id, pull.settings, pull.never_types, pull.wanted_types
    )


def _explained(pull: Pull, error: EndpointError, query: Query) -> str:
    hint = pull.known.hint(query.url.partition("?")[0])
    return f"{error} ({hint})" if hint else str(error)


def _asked_by_another(pull: Pull, query: Query, doubt: Problem) -> Query | None:
    """Forget what a search brought that is not of this patient alone, and ask by another parameter.

    None: there is no other, or it was that already; then the search has failed. As one that never
    had an answer it may be filled by `$everything`.
    """
    name = query.url.partition("?")[0]
    candidates = {**COMPARTMENT, **BESIDE}.get(name, ())
    url = by_another(query.url, candidates, pull.capability.search.get(name) or candidates)
    with pull.case.commit():
        query_plan.forget_query(pull.case, query.key)
        if url is None:
            query_plan.fail_query(pull.case, query.key)
            _gap_of_broken_off(pull, query, doubt)
            return None
        why = f"{query.why}; then by another parameter: {doubt.why}"
        query = Query(query.key, url, why)
        query_plan.ask_otherwise(pull.case, query)
    return query


def _commit(
    pull: Pull, query: Query, url: str, page: bundle.Page, found: Sifted, number: int, clean: bool
) -> tuple[str | None, bool]:
    """Store page `number` with its problems. Returns where to go on, and if all was well so far.

    A query with a problem on any page ends as failed, so that a later run asks it again.
    """
    records, problems = found.records, found.problems
    with pull.case.commit():
        following, broken = next_page(pull, query, url, page.next_url, number)
        query_plan.commit_page(pull.case, query.key, url, records, found.matches, following)
        counts.note(pull.case, query.key, page.total, len(page.entries))
        pull.tally.resources([record.type for record in records])
        if query.key == EVERYTHING:
            seen = seen_types(pull.case) | {record.type for record in records}
            pull.case.state.everything_types = sorted(seen)
        for problem in problems:
            pull.gap(Wanted.of_query(query.key), *problem)
        if broken:
            _gap_of_broken_off(pull, query, broken)
        clean = clean and not problems and not broken
        if following is None and not clean:
            query_plan.fail_query(pull.case, query.key)
    return following, clean


def seen_types(case: CaseFile) -> set[str]:
    """The types that `$everything` returned at least one record of."""
    return set(case.state.everything_types)


def _gap_of_broken_off(pull: Pull, query: Query, problem: Problem) -> None:
    pull.gap(Wanted.of_query(query.key), *problem)
    if query.key == EVERYTHING and pull.settings.pull == "everything":
        # Nobody knows which types the rest would have held.
        for name in sorted(pull.wanted_types):
            why = "the operation that returns the whole chart broke off"
            pull.gap(Wanted(name), problem.kind, why)
