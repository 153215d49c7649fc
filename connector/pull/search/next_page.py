"""Which page is asked for next, and when there is none: pages go on, and end."""

from urllib.parse import urlsplit, urlunsplit

from ...endpoint.origin import joined
from ...errors import EndpointError
from ...gap import GapKind
from ...store.pulled import query_plan
from ...store.pulled.query_plan import Query
from ..context import Pull
from ..gaps import kind_of
from ..records import Problem


def next_page(
    pull: Pull, query: Query, url: str, next_url: str | None, number: int
) -> tuple[str | None, Problem | None]:
    """The next page to ask for, or why a page that is announced is not asked for."""
    if next_url is None:
        return None, None
    try:
        next_url = _address(pull, url, next_url)
    except EndpointError as error:
        return None, Problem(kind_of(error), str(error))
    if next_url == url or query_plan.page_seen(pull.case, query.key, next_url):
        return None, Problem(GapKind.FAILED, "the server's pages go in a circle")
    if number >= pull.settings.pages_max:
        return None, Problem(GapKind.FAILED, f"more than {number} pages (pages_max)")
    return next_url, None


def _address(pull: Pull, url: str, next_url: str) -> str:
    """Where the next page is: the link as it stands, or as seen from the page it stands on.

    With `rewrite_next`, a link to another origin is asked at the source's own: for a server that
    does not know its public name. Raises `Forbidden` for what is no address.
    """
    following = joined(pull.source.resolve(url), next_url)
    if pull.settings.rewrite_next and not pull.source.may_ask(following):
        own, there = urlsplit(pull.source.base_url), urlsplit(following)
        following = urlunsplit(there._replace(scheme=own.scheme, netloc=own.netloc))
    return following
