"""Several exchanges side by side, all stopped together when one finds that it can't go on."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """Threads that live as long as one pull, so that each keeps its connection. To be closed."""

    def __init__(self, connections: int) -> None:
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="pull")
        self._stop = threading.Event()

    def close(self) -> None:
        """Stop what is going on, and wait for it."""
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    @property
    def stopping(self) -> bool:
        """Whether a long work should end after the step it is at."""
        return self._stop.is_set()

    def each(self, work: Callable[[T], None], items: Iterable[T]) -> None:
        """Do `work` on every item. The first exception stops the rest and is raised at the end."""
        futures = [self._pool.submit(work, item) for item in items]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            self._stop.set()
            for future in futures:
                future.cancel()
            wait(futures)
            raise
