"""The end of the disclosure log kept outside the store: how an older store is known for older.

Receipts and audit events lie in the store, and go back with it when it is restored. What was shown
elsewhere (`[audit] anchor`: a file on another machine's disk, or a command that sends it away) does
not. A line is the number of the last row and its hash: no patient data. Nothing of a delivery
depends on it: what fails is told.
"""

import os
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ... import regularfile
from ...errors import UsageError
from .disclosures import Anchor

Where = Path | Sequence[str]
_BYTES_MAX = 100_000_000
_COMMAND_S = 10


def keep(where: Where, before: Anchor, head: Anchor) -> str:
    """Show `head`, the end of the log after a run that found it at `before`.

    Returns what is wrong, in words; empty: nothing. Never raises for what is outside.
    """
    if head.seq == 0:
        return ""
    try:
        if isinstance(where, Path):
            return _append(where, head)
        if (before.seq, before.hash) != (head.seq, head.hash):
            _run(where, head)
    except (OSError, UsageError, subprocess.SubprocessError, ValueError) as error:
        return f"the log of disclosures could not be anchored: {_words(error)}"
    return ""


def read(path: Path) -> list[Anchor]:
    """What was shown in a file. `UsageError` if it can't be read, or holds something else."""
    found = []
    text = regularfile.read(path, _BYTES_MAX).decode("ascii", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        seq, _, digest = line.strip().partition(" ")
        if not (seq.isascii() and seq.isdigit() and len(seq) <= 18 and len(digest) == 64):
            raise UsageError(
                f"{path}, line {number}: not an anchor (number of a row, blank, its hash)",
                "Name the file that `[audit] anchor` writes, or what its command was given.",
            )
        found.append(Anchor(int(seq), digest, f"{path}, line {number},"))
    return found


def _append(path: Path, head: Anchor) -> str:
    known = read(path) if path.exists() else []
    if known and known[-1].seq > head.seq:
        return (
            f"{path} knows row {known[-1].seq} of the log of disclosures, which ends with row"
            f" {head.seq}: this store is older than what it has shown. `connector audit verify`"
        )
    if known and known[-1].seq == head.seq:
        return ""  # another hash is what `audit verify` finds
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UsageError(f"{path}: not a regular file")
        file.write(_line(head))
        file.flush()
        os.fsync(file.fileno())
    return ""


def _run(command: Sequence[str], head: Anchor) -> None:
    # The operator's own command from the operator's own file, without a shell. Its output goes
    # nowhere: a pipe that a child of it keeps open would keep us waiting.
    subprocess.run(  # noqa: S603
        command,
        input=_line(head),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=_COMMAND_S,
    )


def _line(head: Anchor) -> bytes:
    return f"{head.seq} {head.hash}\n".encode()


def _words(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"its command ended with {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"its command took over {_COMMAND_S} seconds"
    if isinstance(error, OSError):
        return f"{error.strerror}: {error.filename}"
    return str(error)
