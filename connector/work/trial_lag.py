"""How long a search does not find yet what was just written: measured, and what to configure."""

import time
from collections.abc import Callable, Collection
from math import ceil

from ..push.wire.search_lag import Patience
from ..settings import Destination

_LOOK_S = 60.0  # for so long; what is not found then is not found by this search
_LAG_MAX_S = 300  # of the setting


def awaited(look: Callable[[], Collection[str]]) -> tuple[Collection[str], float]:
    """What `look` finds, looked for again while it finds nothing, and after how many seconds."""
    began, patience, looks = time.monotonic(), Patience(_LOOK_S), 1
    while not (found := look()) and patience.again():
        looks += 1
    return found, time.monotonic() - began if looks > 1 else 0.0


def advice(lag_s: float, settings: Destination) -> tuple[bool, str]:
    """Whether `search_lag_s` as configured covers what was measured, and which value fits.

    Three times the measured lag: a busy index lags longer than an idle one.
    """
    if lag_s == 0:
        return True, "found at once"
    fits = min(_LAG_MAX_S, ceil(3 * lag_s))
    configured = f"search_lag_s = {settings.search_lag_s:g}"
    said = f"found after {lag_s:.1f} s; search_lag_s = {fits} fits, configured: {configured}"
    # What has an id of ours is read, not searched for.
    return settings.write == "put" or lag_s <= settings.search_lag_s, said
