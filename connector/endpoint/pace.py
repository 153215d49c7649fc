"""How much one origin is asked: so many requests a second, so many tries again in all.

One `Pace` for each origin and process: several cases, endpoints and threads share it.
"""

import threading
import time

# Tries again that an origin may be owed. Each answer that counts pays one back, so that a server
# that fails every second time is still read to the end, and one that is down is left in peace.
_AGAIN_MAX = 50


def turn(free_at: float, now: float, per_second: float | None) -> tuple[float, float]:
    """When the next request may leave, and from when on the one after it. Pure.

    Requests leave evenly, none in a burst: at no moment has a server seen more than the rate.
    `per_second` None: at once.
    """
    start = max(free_at, now)
    return (now, free_at) if per_second is None else (start, start + 1 / per_second)


class Pace:
    """Turns and tries again of one origin. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._again = _AGAIN_MAX

    def wait(self, per_second: float | None) -> None:
        """Sleep until it is this request's turn."""
        with self._lock:
            now = time.monotonic()
            start, self._free_at = turn(self._free_at, now, per_second)
        if start > now:
            time.sleep(start - now)

    def answered(self) -> None:
        """An answer came that counts."""
        with self._lock:
            self._again = min(self._again + 1, _AGAIN_MAX)

    def may_ask_again(self) -> bool:
        """Whether one more try is left; it is taken."""
        with self._lock:
            left = self._again > 0
            self._again = max(0, self._again - 1)
            return left


_paces: dict[str, Pace] = {}
_paces_lock = threading.Lock()


def pace_of(origin: str) -> Pace:
    """The one pace of this origin in this process."""
    with _paces_lock:
        return _paces.setdefault(origin, Pace())
