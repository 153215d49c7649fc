"""Secrets and patient data that others on this machine can read."""

import stat
from collections.abc import Iterator
from pathlib import Path

from ...config import Config
from ...settings import EndpointSettings, Secret
from ...store.private import readable_by_others
from .check import Check


def exposed(config: Config, *ends: EndpointSettings) -> Iterator[Check]:
    """A line for each file or folder that more than its owner can read. Only told."""
    for name, path in _secrets(config, *ends):
        if readable_by_others(path):
            fix = f"chmod 600 {path}"
            yield Check("here", "secrets", True, f"{name}: others can read {path}", fix)
    store = config.store.path
    if any(map(readable_by_others, (store, *_within(store)))):
        said = f"others can read {store}: it holds patient data"
        yield Check("here", "store", True, said, f"chmod -R go= {store}")


def _within(store: Path) -> Iterator[Path]:
    """Folders of the store, if others come through to them: what is inside is shut then."""
    if store.is_dir() and store.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH):
        yield from (store / "cases").glob("*")
        yield from store.glob("ledger*")


def _secrets(config: Config, *ends: EndpointSettings) -> Iterator[tuple[str, Path]]:
    for end in ends:
        auth = {name: getattr(end.auth, name) for name in type(end.auth).model_fields}
        for name, value in [*auth.items(), *end.headers.items()]:
            if isinstance(value, Secret) and value.file is not None:
                yield name, value.file
        if key := end.client_key_file or end.client_cert_file:
            yield "client_key_file", key
    signing = config.receipt.private_key
    if signing is not None and signing.file is not None:
        yield "receipt.private_key", signing.file
