"""Time, processor time, memory, requests and connections of a piece of work; tables of them.

Each side of a comparison works in a process of its own, started afresh, so that neither shares
the other's memory or its lock on the interpreter.
"""

import os
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from benchmarks.wire import Wire

# Set where a benchmark has to end and fill its table, and nobody reads the numbers.
SMALLEST_NAME = "CONNECTOR_SMALLEST"
SMALLEST = bool(os.environ.get(SMALLEST_NAME))
RUNS = 1 if SMALLEST else 3


@dataclass(frozen=True)
class Measure:
    """What one piece of work took. `cpu_s`: all threads, user and system."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    requests: int = 0
    connections: int = 0


def side() -> ProcessPoolExecutor:
    """One fresh process to work in."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def measured(work: Callable[[], object]) -> tuple[Measure, Wire]:
    """Do `work` in this process. `peak_mb` is the highest since the process began."""
    with Wire() as wire:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Measure(wall, cpu, _peak_mb(), wire.requests, wire.connections), wire


def command(*arguments: str | Path, cwd: Path | None = None) -> Measure:
    """Run a program to its end; its output is thrown away.

    Raises `ChildProcessError` when it ends by a signal or with 1 or 2 (internal error, usage).
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(a) for a in arguments], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode in (1, 2) or process.returncode < 0:
        raise ChildProcessError(said.decode()[-500:])
    # Linux counts what this process held when it started the other: it has to stay the smaller.
    return Measure(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def middle(measures: Iterable[Measure]) -> Measure:
    """The measure of median wall time; the peak is the highest of all."""
    every = sorted(measures, key=lambda measure: measure.wall_s)
    return replace(every[len(every) // 2], peak_mb=max(m.peak_mb for m in every))


def ratio(ones: Sequence[Measure], others: Sequence[Measure]) -> float:
    """Median of the wall time ratios of the pairs: neighbours in time saw the same machine."""
    pairs = zip(ones, others, strict=True)
    return statistics.median(one.wall_s / other.wall_s for one, other in pairs)


def table(title: str, names: Sequence[str], rows: Iterable[Sequence[str | int | float]]) -> None:
    """Print a Markdown table; floats with two digits after the point."""
    print(f"\n{title}\n")
    print(f"| {' | '.join(names)} |")
    print(f"|{'---|' * len(names)}")
    for row in rows:
        cells = (f"{cell:.2f}" if isinstance(cell, float) else f"{cell}" for cell in row)
        print(f"| {' | '.join(cells)} |", flush=True)


def _peak_mb() -> float:
    # Not ru_maxrss: that one remembers the parent's size from before this program was loaded.
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024 / 1e6
