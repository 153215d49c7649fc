"""Which files of this machine never travel: the store, the keys, the secrets, the configuration.

A request names a document by its path, and whoever writes requests need not be whoever may read
everything that this program reads.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from .config import Config
from .errors import UsageError
from .settings import Secret


def must_not_be_ours(config: Config, path: Path, what: str) -> None:
    """`UsageError` if `path` is a file of ours, by whatever name or link. `what`: for the words."""
    store = config.store.path.resolve()
    try:
        named = path.stat()
    except OSError:
        return  # whoever opens it says so
    same = {(named.st_dev, named.st_ino)}
    inside = path.resolve().is_relative_to(store)
    # A second name of a file in the store is seen by looking at all of them: rare, and worth it.
    linked = named.st_nlink > 1 and not same.isdisjoint(_identities(_below(store)))
    if inside or linked or not same.isdisjoint(_identities(_secrets(config))):
        raise UsageError(
            f"{what}: that file belongs to this program: it holds secrets or patient data",
            "Name the document itself.",
        )


def _secrets(value: object) -> Iterator[Path]:
    """Every file that the configuration names as a secret or a private key."""
    if isinstance(value, Secret):
        yield from [value.file] if value.file else []
    elif isinstance(value, BaseModel):
        for name, inner in value:
            if name == "client_key_file" and isinstance(inner, Path):
                yield inner
            else:
                yield from _secrets(inner)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _secrets(inner)


def _below(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        yield from (Path(root, name) for name in names)


def _identities(paths: Iterator[Path]) -> set[tuple[int, int]]:
    found = set()
    for path in paths:
        try:
            known = path.stat()
        except OSError:
            continue
        found.add((known.st_dev, known.st_ino))
    return found
