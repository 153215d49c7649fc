"""What the program prints never commands the terminal that shows it.

Ids, names and titles come from servers and files. Whatever way they take into a line, controls (C0,
C1), escape sequences and what turns the direction of writing around are shown as escapes.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from ..printable import printable

_FEED = "\n"
# What our own progress line needs: to the beginning of the line, and clear it.
REWIND = "\r\x1b[K"


class _Shown:
    """A text stream that shows instead of obeys."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        start = REWIND if text.startswith(REWIND) else ""
        lines = text.removeprefix(start).split(_FEED)
        shown = (line if line.isprintable() else printable(line, len(line) * 6) for line in lines)
        self._stream.write(start + _FEED.join(shown))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def shown() -> Iterator[None]:
    """Standard output and standard error, shown."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Shown(sys.stdout), _Shown(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
