"""Die on purpose, at one exact step: how the tests prove that any step may be the last.

`CONNECTOR_FAILPOINT=commit.before:7` ends the process, without cleaning up, at the seventh time
that `reach("commit.before")` is called, `commit.before:7:stop` stops it there until somebody sends
SIGCONT, as a machine that sleeps would; with `CONNECTOR_FAILPOINT_LOG=FILE` every step reached is
appended there, so that a test can count them first. Neither variable set: one comparison.
"""

import os
import signal
import threading
from collections import Counter
from pathlib import Path

_target = os.environ.get("CONNECTOR_FAILPOINT", "")
_log = os.environ.get("CONNECTOR_FAILPOINT_LOG", "")
_counts: Counter[str] = Counter()
_lock = threading.Lock()

EXIT_KILLED = 137  # what a shell shows for a process killed by SIGKILL


def arm(target: str, log: str = "") -> None:
    """As the two variables do, for a process that is forked rather than started."""
    global _target, _log
    _target, _log = target, log
    _counts.clear()


def reach(step: str) -> None:
    """Tell that `step` (for example `send.after`) is reached."""
    if not (_target or _log):
        return
    with _lock:
        _counts[step] += 1
        if _log:
            with Path(_log).open("a", encoding="ascii") as log:
                log.write(f"{step}:{_counts[step]}\n")
        if _target == f"{step}:{_counts[step]}":
            os._exit(EXIT_KILLED)
        if _target == f"{step}:{_counts[step]}:stop":
            os.kill(os.getpid(), signal.SIGSTOP)
