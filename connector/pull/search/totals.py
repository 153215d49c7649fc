"""As many records as the server counts? A page may lose entries and still be whole JSON.

`Bundle.total` (R4 bundle.html#Bundle.total) proves nothing: servers estimate it, leave it out, or
count what this client may not see. But fewer than it says is a reason to ask: first for an exact
count (`_summary=count`), then for the whole query once more. What is short then is a gap.
"""

from ...gap import GapKind, Wanted
from ...store.pulled import counts, query_plan
from ...store.pulled.counts import Count
from ..context import Pull
from ..lookup import count
from ..plan import EVERYTHING


def ask_again(pull: Pull) -> None:
    """Look at each query that ended well since; open those of which records seem to be missing.

    All entries that came are counted, since some servers count includes and outcomes as well.
    """
    if pull.known.inexact_total:
        return
    ended = counts.unsettled(pull.case)
    doubtful = [found for found in ended if _is_doubtful(found)]
    counts.settle(pull.case, [found.key for found in ended if found not in doubtful])
    pull.workers.each(lambda found: _look_into(pull, found), doubtful)


def _is_doubtful(found: Count) -> bool:
    """Fewer than counted; or pages without a count, of which one may have been cut."""
    return found.pages > 1 if found.total is None else found.total > found.entries


def _look_into(pull: Pull, found: Count) -> None:
    total = found.total
    if found.key != EVERYTHING:  # an operation has no count
        exact = count(pull.source, found.url, str(Wanted.of_query(found.key)))
        total = total if exact is None else exact
    if total is None or total <= found.entries:
        counts.settle(pull.case, [found.key])
        return
    with pull.case.commit():
        if found.again:
            why = f"the server counts {total} records and sends {found.entries}, asked twice"
            query_plan.fail_query(pull.case, found.key)
            pull.gap(Wanted.of_query(found.key), GapKind.FAILED, why)
        else:
            counts.mark_again(pull.case, found.key)
            query_plan.restart_query(pull.case, found.key)
