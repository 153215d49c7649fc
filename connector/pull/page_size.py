"""The largest `_count` that a server takes, learnt from its refusals.

Servers cap it: most make a smaller page of it, as R4 has it (search.html#count), some answer 400.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import replace

from ..store.pulled.query_plan import Query

_COUNT = re.compile(r"&_count=(\d+)")
_SIZES = (50, 0)  # tried in turn; 0: none is said


class PageSize:
    """What is known of one server. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._most: int | None = None  # None: nothing is known

    def fitting(self, query: Query) -> Query:
        """`query` with as large a page as the server is known to take."""
        return query if self._most is None else _with(query, self._most)

    def taken(self) -> None:
        """A first page came: whatever else is refused, it is not the size."""
        self._taken = True

    def smaller(self, query: Query, answers: Callable[[Query], bool]) -> Query | None:
        """After `query` was refused: the same with a page that the server `answers`.

        None if its size is not what was refused. Only the first refusals cost requests.
        """
        with self._lock:
            known = self.fitting(query)
            if known != query:
                return known
            if self._taken:
                return None
            for size in _SIZES:
                other = _with(query, size)
                if other != query and answers(other):
                    self._most = size
                    return other
            return None


def _with(query: Query, size: int) -> Query:
    asked = _COUNT.search(query.url)
    if asked is None or 0 < int(asked[1]) <= size:
        return query
    url = _COUNT.sub(f"&_count={size}" if size else "", query.url)
    how = f"{size} a page" if size else "in pages of its own size"
    return replace(query, url=url, why=f"{query.why}; {how}, as it takes no larger _count")
