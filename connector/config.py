"""connector.toml: where charts come from, where packets go, and where the rows are kept."""

import getpass
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar
from uuid import UUID

from pydantic import Field, ValidationError, model_validator

from . import regularfile
from .errors import UsageError
from .model import Model, Text
from .settings import Destination, EndpointSettings, Secret, Source, base
from .yamlfile import Lines, problems

_BYTES_MAX = 1_000_000
_LONG_NAME = re.compile(r"""(?:("[^"\n]*"|'[^'\n]*'|[^\s."'=\[\]{},#]+)[ \t]*\.[ \t]*){64}""")
S = TypeVar("S")
M = TypeVar("M", bound=Model)


class Store(Model):
    """Where the case files are kept. They hold patient data: a private folder."""

    path: Path = Path("connector-data")


class LedgerSettings(Model):
    """The ledger's database (SQLAlchemy URL). Default: SQLite in the store."""

    url: Text | None = None
    operator: Text | None = None  # who answers for what is sent from here; default: the user


class ReceiptSettings(Model):
    """The key that receipts are signed with. Default: they are not signed."""

    private_key: Secret | None = None  # PEM: RSA signs by RS384, P-384 by ES384
    kid: Text | None = None  # default: the key's RFC 7638 thumbprint

    @model_validator(mode="after")
    def _with_key(self) -> "ReceiptSettings":
        if self.kid is not None and self.private_key is None:
            raise ValueError("kid: it names a private_key, and there is none")
        return self


class AuditSettings(Model):
    """Where the end of the disclosure log is shown outside the store: a file, or a command."""

    anchor: Path | tuple[Text, ...] | None = None

    @model_validator(mode="after")
    def _some(self) -> "AuditSettings":
        if self.anchor == ():
            raise ValueError("anchor: a command has at least one word")
        return self


class MappingSettings(Model):
    """An own mapping set, laid over the packaged one file by file."""

    folder: Path | None = None


class Config(Model):
    """The whole file. docs/config.schema.json is made from this class."""

    version: Literal[1] = 1
    sources: dict[str, Source] = Field(default_factory=dict)
    destinations: dict[str, Destination] = Field(default_factory=dict)
    store: Store = Store()
    ledger: LedgerSettings = LedgerSettings()
    mappings: MappingSettings = MappingSettings()
    receipt: ReceiptSettings = ReceiptSettings()
    audit: AuditSettings = AuditSettings()

    @model_validator(mode="after")
    def _an_id_each(self) -> "Config":
        """Ids of records are derived from a source's: under one id two people would become one."""
        for kind, table in (("sources", self.sources), ("destinations", self.destinations)):
            _an_id_each(kind, table)
        return self

    def source(self, name: str) -> Source:
        return _named(self.sources, name, "sources")

    def destination(self, name: str) -> Destination:
        return _named(self.destinations, name, "destinations")

    def ledger_url(self) -> str:
        return self.ledger.url or f"sqlite:///{self.store.path / 'ledger.db'}"

    def operator(self) -> str:
        """Who sends, for the disclosure log and the receipt."""
        return self.ledger.operator or this_user()


def _an_id_each(kind: str, table: Mapping[str, EndpointSettings]) -> None:
    """`ValueError` if two servers have the same id: a section was copied, say."""
    seen: dict[UUID, tuple[str, set[str]]] = {}
    for name, end in table.items():
        if not end.base_url:
            continue  # files come into a new folder every day
        names = {base(url) for url in (end.base_url, *end.formerly)}
        other, known = seen.setdefault(end.id, (name, names))
        if known.isdisjoint(names):
            raise ValueError(
                f"id: [{kind}.{other}] and [{kind}.{name}] are two servers and have the same one:"
                " give the newer one an id of its own (`uuidgen`)"
            )


def this_user() -> str:
    """The name of the user who runs this; a number where the system knows no name."""
    try:
        name = getpass.getuser().strip()
    except (KeyError, OSError, ImportError):  # a container may run under a number alone
        name = ""
    return name if name.isprintable() and name else f"uid {os.getuid()}"


def _named(table: dict[str, S], name: str, kind: str) -> S:
    try:
        return table[name]
    except KeyError:
        known = ", ".join(sorted(table)) or "none"
        raise UsageError(
            f"no [{kind}.{name}] in the configuration (there: {known})",
            "Correct the request, or add that section to connector.toml.",
        ) from None


def load(path: Path) -> Config:
    """Read connector.toml; relative paths are beside it. `UsageError` names line and field."""
    if not path.exists():
        raise UsageError(
            f"{path}: no such file", "Write one with `connector init`, or name it with --config."
        )
    text = regularfile.read_text(path, _BYTES_MAX)
    _bounded(text, str(path))
    try:
        value = tomllib.loads(text)
    except ValueError as error:
        raise UsageError(f"{path}: not TOML: {error}", "Correct that line.") from None
    except RecursionError:
        raise UsageError(f"{path}: values within values, too deep", "Correct the file.") from None
    try:
        config = Config.model_validate(value)
    except ValidationError as error:
        lines = _toml_lines(text)
        raise UsageError(
            "\n".join(problems(error, lines, str(path))), "Correct the file."
        ) from None
    return _beside(config, path.resolve().parent)


def _bounded(text: str, name: str) -> None:
    """`UsageError` for a name of more parts than the configuration can have, before it is read."""
    if found := _LONG_NAME.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise UsageError(
            f"{name}, line {line}: a name of too many parts between dots", "Correct that line."
        )


def same_environment(source: Source, destination: Destination) -> None:
    """Never test to production or back: no flag changes that. `UsageError` otherwise."""
    if source.environment != destination.environment:
        raise UsageError(
            f"the source is {source.environment}, the destination is {destination.environment}",
            "Records travel from test to test or from production to production only.",
        )


def two_ends(source: Source, destination: Destination) -> None:
    """`UsageError` if the destination is the source itself."""
    addresses = {base(end.base_url) for end in (source, destination) if end.base_url}
    same = source.base_url and destination.base_url and len(addresses) == 1
    if same or source.id == destination.id:
        raise UsageError(
            f"source and destination have the same {'base_url' if same else 'id'}: they are one"
            " server",
            "Correct the request, or one of the two sections in connector.toml.",
        )


def _beside(model: M, folder: Path) -> M:
    """`model` with each relative path in it, at any depth, below `folder`."""
    # Only what changed: what a file said of an endpoint stays known (`model_fields_set`).
    placed = {name: _placed(value, folder) for name, value in model}
    changed = {name: value for name, value in placed.items() if value is not getattr(model, name)}
    return model.model_copy(update=changed) if changed else model


def _placed(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, Model):
        return _beside(value, folder)
    if isinstance(value, dict):
        return {name: _placed(item, folder) for name, item in value.items()}
    return value


def _toml_lines(text: str) -> Lines:
    """The line of each table header and key, near enough to point a person at it."""
    lines: Lines = {(): 1}
    table: tuple[str | int, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("[") and "]" in stripped:
            name = stripped.partition("]")[0].strip("[ ")
            table = tuple(part.strip(' "') for part in name.split("."))
            for length in range(1, len(table) + 1):
                lines.setdefault(table[:length], number)
        elif "=" in stripped and not stripped.startswith("#"):
            key = tuple(part.strip(' "') for part in stripped.split("=", 1)[0].split("."))
            lines[(*table, *key)] = number
    return lines
