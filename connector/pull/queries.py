"""Asking the queries on the plan, page by page, each page committed before the next is asked."""

from typing import Any
from urllib.parse import parse_qsl

from ..endpoint import Answer
from ..errors import EndpointError
from ..fhir import bundle
from ..fhir.lossless import UndecodableError, decode
from ..store import chart
from ..store.chart import Query, Record
from .context import Pull
from .gaps import kind_of
from .lookup import page_of
from .plan import EVERYTHING
from .records import UNREADABLE, Problem

# Longer URLs are refused by some servers and proxies (HAPI: 8 kB): those searches are POSTed.
_URL_MAX = 2000
_LEFT_OUT = ("incomplete", "suppressed")


def ask_open(pull: Pull) -> None:
    """Ask every open query to its end, several at once. What breaks becomes a gap.

    Raises `Waiting` or `SourceFailed`; committed pages are kept, another run goes on from there.
    """
    pull.workers.each(lambda query: _ask(pull, query), chart.queries(pull.case, "open"))


def gap_name(query: Query) -> str:
    """What a gap of this query is called: its key, without the number of a batch."""
    return query.key.partition("?batch=")[0]


def _ask(pull: Pull, query: Query) -> None:
    name = gap_name(query)
    url: str | None = query.next_url or query.url
    pages = query.pages
    clean = True
    while url is not None and not pull.workers.stopping:
        try:
            page = page_of(_get(pull, url, name).body, f"{name} search")
        except EndpointError as error:
            pull.still_there(error)
            with pull.case.commit():
                chart.fail_query(pull.case, query.key)
                _gap_of_broken_off(pull, query, Problem(kind_of(error), str(error)))
            break
        pages += 1
        url, clean = _commit(pull, query, url, page, pages, clean)
        pull.tell(f"{name} {pages} page{'s' if pages > 1 else ''}")


def _get(pull: Pull, url: str, name: str) -> Answer:
    what = f"{name} search"
    if "://" not in url and len(url) > _URL_MAX:
        resource_type, _, parameters = url.partition("?")
        return pull.source.search(resource_type, dict(parse_qsl(parameters)), what)
    return pull.source.get(url, what, fresh=True)


def _commit(
    pull: Pull, query: Query, url: str, page: bundle.Page, number: int, clean: bool
) -> tuple[str | None, bool]:
    """Store page `number` with its problems. Returns where to go on, and if all was well so far.

    A query with a problem on any page ends as failed, so that a later run asks it again.
    """
    records, matches, problems = _sift(pull, page)
    with pull.case.commit():
        following, broken = _following(pull, query, url, page.next_url, number)
        chart.commit_page(pull.case, query.key, url, records, matches, following)
        for problem in problems:
            pull.gap(gap_name(query), *problem)
        if broken:
            _gap_of_broken_off(pull, query, broken)
        clean = clean and not problems and not broken
        if following is None and not clean:
            chart.fail_query(pull.case, query.key)
    return following, clean


def _following(
    pull: Pull, query: Query, url: str, next_url: str | None, number: int
) -> tuple[str | None, Problem | None]:
    """The next page to ask for, or why a page that is announced is not asked for."""
    if next_url is None:
        return None, None
    if next_url == url or chart.page_seen(pull.case, query.key, next_url):
        return None, Problem("failed", "the server's pages go in a circle")
    if number >= pull.settings.pages_max:
        return None, Problem("failed", f"more than {number} pages (pages_max)")
    return next_url, None


def _gap_of_broken_off(pull: Pull, query: Query, problem: Problem) -> None:
    pull.gap(gap_name(query), *problem)
    if query.key == EVERYTHING:
        # Nobody knows which types the rest would have held.
        for name in sorted(pull.wanted_types):
            pull.gap(name, problem.kind, "the operation that returns the whole chart broke off")


def _sift(pull: Pull, page: bundle.Page) -> tuple[list[Record], int, list[Problem]]:
    records: list[Record] = []
    problems: list[Problem] = []
    matches = 0
    for entry in page.entries:
        if entry.mode in ("match", "include"):
            matches += entry.mode == "match"
            found = pull.sieve.examine(entry.body)
        else:
            found = _outcome(entry.body) if entry.mode == "outcome" else UNREADABLE
        if isinstance(found, Record):
            records.append(found)
        elif found is not None:
            problems.append(found)
    return records, matches, problems


def _outcome(body: bytes) -> Problem | None:
    """What an OperationOutcome among the results says is missing; None for other warnings.

    R4 valueset-issue-type.html: `incomplete` and `suppressed` mean that results were left out,
    whatever severity they are given.
    """
    try:
        issues = decode(body).get("issue") or []
        grave = sorted({str(issue.get("code")) for issue in issues if _is_grave(issue)})
    except (UndecodableError, AttributeError):
        return UNREADABLE
    if not grave:
        return None
    codes = ", ".join(grave)[:100]
    return Problem("failed", f"the server says that results are missing ({codes})")


def _is_grave(issue: dict[str, Any]) -> bool:
    return issue.get("severity") in ("error", "fatal") or issue.get("code") in _LEFT_OUT
