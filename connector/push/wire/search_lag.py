"""Looking again at a server whose searches, or reads, lag behind what was written."""

import time

_FIRST_S, _LONGEST_S = 0.1, 2.0


class Patience:
    """How long one look may be repeated: `lag_s` seconds in all, from the first miss."""

    def __init__(self, lag_s: float) -> None:
        self._lag_s = max(0.0, lag_s)
        self._end: float | None = None
        self._pause = _FIRST_S

    def again(self) -> bool:
        """After a look that missed: sleep a little, if another look is due."""
        now = time.monotonic()
        if self._end is None:
            self._end = now + self._lag_s
        left = self._end - now
        if left <= 0:
            return False
        time.sleep(min(left, self._pause))
        self._pause = min(_LONGEST_S, 2 * self._pause)
        return True
