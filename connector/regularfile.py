"""Reading a file that somebody named: a regular one, of bounded size, and nothing that hangs."""

import os
import stat
from pathlib import Path
from typing import IO

from .errors import UsageError


def opened(path: Path, *, follow: bool = True) -> IO[bytes]:
    """The file at `path`, open to be read. `UsageError` if it is no regular file.

    A pipe would wait for ever for somebody who writes, a device never ends. `follow`: whether
    `path` may be a symbolic link.
    """
    try:
        descriptor = os.open(
            path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
        )
    except OSError as error:
        why = "a symbolic link" if path.is_symlink() and not follow else error.strerror
        raise UsageError(f"{path}: {why}", "Check the path and its permissions.") from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "Is a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise UsageError(f"{path}: {what}", "Name a file, not a folder, a pipe or a device.")
    return os.fdopen(descriptor, "rb")


def read(path: Path, bytes_max: int, *, follow: bool = True) -> bytes:
    """What a regular file holds. `UsageError` if it is none, or larger than `bytes_max`."""
    with opened(path, follow=follow) as file:
        try:
            found = file.read(bytes_max + 1)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}", "Check its permissions.") from None
    if len(found) > bytes_max:
        raise UsageError(f"{path}: larger than {bytes_max} bytes", "Name the right file.")
    return found


def read_text(path: Path, bytes_max: int) -> str:
    """The same as text, without a byte order mark. `UsageError` if it is not UTF-8."""
    found = read(path, bytes_max)
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError:
        utf16 = found.startswith((b"\xff\xfe", b"\xfe\xff"))
        raise UsageError(
            f"{path}: not UTF-8 text{' but UTF-16' if utf16 else ''}", "Save the file as UTF-8."
        ) from None
