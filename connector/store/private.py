"""Folders and files that only their owner may read: they hold patient data, or keys."""

import os
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
