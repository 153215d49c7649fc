"""Folders and files that only their owner may read: they hold patient data, or keys."""

import os
import stat
from pathlib import Path


def private_folder(path: Path) -> None:
    """Make `path` and whichever of its parents are missing, each with mode 0700."""
    for folder in reversed([path, *path.parents]):
        folder.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, data: bytes) -> None:
    """Write a file with mode 0600, whole or not at all, on disk when this returns."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def readable_by_others(path: Path) -> bool:
    """Whether more users than its owner can read what is there (no: nothing is)."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    # A folder is shut if nobody else may go into it or list it.
    return bool(mode & (stat.S_IRWXG | stat.S_IRWXO))
