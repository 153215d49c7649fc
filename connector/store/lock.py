"""One process at a time: an advisory lock on a file, let go by the system when the process dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import LockHeld
from .private import private_folder

_LOOK_AGAIN_S = 0.05


@contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block for the same folder, and keep others out.

    For the moment in which a SQLite file becomes one with a write-ahead log: two processes that do
    it at once get "database is locked", whatever time they are willing to wait.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def only_one(path: Path, what: str, wait_s: float = 0) -> Iterator[None]:
    """Hold the lock at `path`; raises `LockHeld` if another process has it for `wait_s` longer."""
    private_folder(path.parent)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + wait_s
        while not _locked(descriptor):
            if time.monotonic() >= until:
                raise LockHeld(
                    f"another run works on {what}", "Let it finish, or look at `connector status`."
                )
            time.sleep(_LOOK_AGAIN_S)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
