"""`python -m tests.mutants [WORD ...]`: apply each mutation, run the tests that are to notice it.

Each is made in a copy of the checkout, so that the tree itself is never touched; first those tests
have to pass in a copy as it is. WORD: only those in whose name it stands. Ends with 1 if one lived,
or if what it changes is not there any more.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants.named import MUTANTS, Mutant
from tests.support import ROOT

_COPIED = ("connector", "tests", "pyproject.toml")
_LINKED = ("mappings", "fixtures", "docs", "README.md", "Makefile", "benchmarks")


def verdict(mutant: Mutant) -> str:
    """`caught`, or what is wrong: it `lived`, or can't be made."""
    with _copy() as copy:
        changed = copy / mutant.path
        text = changed.read_text() if changed.exists() else ""
        if text.count(mutant.was) != 1:
            return f"can't be made: {text.count(mutant.was)} places in {mutant.path}"
        changed.write_text(text.replace(mutant.was, mutant.becomes))
        done = _pytest(copy, mutant.tests.split())
    if done.returncode == 1 and " failed" in done.stdout:
        return "caught"
    return "lived" if done.returncode == 0 else _not_judged(done)


def unchanged(mutants: Iterable[Mutant]) -> str:
    """What is wrong where nothing is changed; else nothing."""
    with _copy() as copy:
        done = _pytest(copy, dict.fromkeys(name for m in mutants for name in m.tests.split()))
    return "" if done.returncode == 0 else _not_judged(done)


def main(words: list[str]) -> int:
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    say = partial(print, flush=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        as_it_is = pool.submit(unchanged, chosen)
        verdicts = pool.map(verdict, chosen)
        found = [
            (mutant.name, said)
            for mutant, said in zip(chosen, verdicts, strict=True)
            if say(f"{said:8} {mutant.name}") is None
        ]
    if wrong := as_it_is.result():
        say(f"as it is: {wrong}")
    alive = [name for name, said in found if said != "caught"]
    say(f"{len(found) - len(alive)} of {len(found)} caught")
    return 1 if alive or wrong or not found else 0


@contextmanager
def _copy() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        copy = Path(name)
        for part in _COPIED:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, copy / part, symlinks=True, ignore=_no_caches)
            else:
                shutil.copy(source, copy / part)
        for part in _LINKED:
            (copy / part).symlink_to(ROOT / part)
        yield copy


def _pytest(copy: Path, tests: Iterable[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *tests],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def _not_judged(done: subprocess.CompletedProcess[str]) -> str:
    return f"can't be judged: pytest ended with {done.returncode}\n{done.stdout[-1500:]}"


def _no_caches(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("__pycache__", ".cache", "target")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
