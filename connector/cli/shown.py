"""What the program prints never commands the terminal that shows it.

Ids, names and titles come from servers and files. Whatever way they take into a line, controls (C0,
C1), escape sequences and what turns the direction of writing around are shown as escapes.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from ..printable import printable

_FEED = "\n"
# What our own progress line needs: to the beginning of the line, and clear it.
REWIND = "\r\x1b[K"


class _Shown:
    """A text stream that shows instead of obeys."""

    # click writes past a stream that says ASCII, in its own way.
    encoding = "utf-8"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        if isinstance(stream, io.TextIOWrapper):
            # Of a locale without accents, a name with one is shown as an escape, too.
            stream.reconfigure(errors="backslashreplace")
        self.lost = ""  # why what was written did not get out; not because the reader had enough

    def write(self, text: str) -> int:
        start = REWIND if text.startswith(REWIND) else ""
        lines = text.removeprefix(start).split(_FEED)
        shown = (line if line.isprintable() else printable(line, len(line) * 6) for line in lines)
        try:
            self._stream.write(start + _FEED.join(shown))
        except OSError as error:
            self._give_up(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Nobody reads on (`| head`), or the disk is full: the work goes on, its words go nowhere.

        A run over many cases must not end in the middle because somebody has seen enough of it.
        """
        if not isinstance(error, BrokenPipeError):
            self.lost = error.strerror or "it can't be written"
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def opened() -> None:
    """Standard streams that the caller has closed (`>&-`) lead nowhere.

    Else the next file that is opened would get the number of one, and what is printed with it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - for the whole run


@contextmanager
def shown() -> Iterator[Callable[[], str]]:
    """Standard output and standard error, shown. Yields how to flush both: why output was lost."""
    before = sys.stdout, sys.stderr
    out, err = (_Shown(stream) for stream in before)
    sys.stdout, sys.stderr = out, err

    def flushed() -> str:
        for stream in (out, err):
            stream.flush()
        return out.lost

    try:
        yield flushed
    finally:
        sys.stdout, sys.stderr = before
