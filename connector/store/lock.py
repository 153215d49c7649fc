"""One process at a time: an advisory lock on a file, let go by the system when the process dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import LockHeld
from .private import private_folder


@contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold the lock at `path`; raises `LockHeld` at once if another process has it."""
    private_folder(path.parent)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockHeld(
                f"another run works on {what}", "Let it finish, or look at `connector status`."
            ) from None
        yield
    finally:
        os.close(descriptor)
