"""What is known of servers, as data: mappings/search.yaml (any server) and mappings/servers/*.yaml.

A server is recognised by the software name or the publisher in its CapabilityStatement, or named by
`server` of the source. Each rule carries its source; what nobody confirmed is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from .. import yamlfile
from ..errors import UsageError
from ..mappingfiles import PACKAGED, MappingFiles
from ..model import Model, Text

M = TypeVar("M", bound=Model)


class SearchExample(Model):
    """A type, and with which parameters it is asked for after a server answered 400."""

    type: Text
    found: tuple[Text, ...] = Field(alias="is")


class ServerExample(Model):
    """A type and the queries for it at this server, or by what name it is known as this file.

    After `not`: what the server is known to reject, so it isn't asked.
    """

    type: Text | None = None
    software: Text | None = None
    publisher: Text | None = None
    found: tuple[Text, ...] = Field(alias="is")


class TypeSearch(Model):
    """One type in search.yaml; the file's `about` says what each means."""

    us_core: tuple[Text, ...] = ()
    every: dict[Text, tuple[Text, ...]] = Field(default_factory=dict)
    every_or_none: dict[Text, tuple[Text, ...]] = Field(default_factory=dict)
    category: tuple[Text, ...] = ()


class Searches(Model):
    """search.yaml."""

    version: Text
    about: Text
    types: dict[Text, TypeSearch]
    examples: tuple[SearchExample, ...] = ()


class Rule(Model):
    """One thing known of one server, for `types` (none: for the server as a whole).

    category       it demands a category; these are asked one at a time
    rejects        categories it answers with an error: not asked, told as unsupported
    ignores        parameters that it passes over or that find nothing
    inexact_total  its counts can't be compared with
    hint           `about` is told beside a refusal of these types
    """

    about: Text
    source: Text
    types: tuple[Text, ...] = ()
    category: tuple[Text, ...] = ()
    rejects: tuple[Text, ...] = ()
    ignores: frozenset[Text] = frozenset()
    inexact_total: bool = False
    hint: bool = False


class Server(Model):
    """A file of servers/."""

    version: Text
    about: Text
    software: tuple[Text, ...] = ()
    publisher: tuple[Text, ...] = ()
    software_source: Text | None = None  # where the names above were seen
    rules: tuple[Rule, ...]
    examples: tuple[ServerExample, ...] = ()


@dataclass(frozen=True)
class Known:
    """What is known of the server at hand. `name` is empty for one that nobody recognised."""

    name: str = ""
    types: Mapping[str, TypeSearch] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    def of(self, resource_type: str) -> TypeSearch:
        return self.types.get(resource_type) or _NOTHING

    def demanded(self, resource_type: str) -> tuple[str, ...]:
        """The categories to ask one at a time, where the server is known to demand one."""
        rules = (rule for rule in self.rules if resource_type in rule.types)
        return tuple(category for rule in rules for category in rule.category)

    def rejected(self, resource_type: str) -> tuple[str, ...]:
        rules = (rule for rule in self.rules if resource_type in rule.types)
        return tuple(category for rule in rules for category in rule.rejects)

    def hint(self, resource_type: str) -> str | None:
        """What explains a refusal of this type."""
        found = (rule for rule in self.rules if rule.hint and resource_type in rule.types)
        return next((rule.about for rule in found), None)

    @property
    def ignores(self) -> frozenset[str]:
        return frozenset(name for rule in self.rules for name in rule.ignores)

    @property
    def inexact_total(self) -> bool:
        return any(rule.inexact_total for rule in self.rules)


_NOTHING = TypeSearch()
NOTHING = Known()


@cache
def known(
    software: str, named: str | None, files: MappingFiles = PACKAGED, publisher: str = ""
) -> Known:
    """What is known of a server by what it says of itself, or by the name an operator gave.

    `UsageError` for a name without a file, or a file with a mistake (file and line).
    """
    types = _read(Searches, files.path("search.yaml")).types
    servers = files.folder("servers")
    if named is not None:
        if named not in servers:
            raise UsageError(
                f"server: nothing is known of {named} (there: {', '.join(servers)})",
                "Correct `server` of this source, or leave it out.",
            )
        return Known(named, types, _read(Server, servers[named]).rules)
    for name, path in servers.items():
        server = _read(Server, path)
        if software in server.software or publisher in server.publisher:
            return Known(name, types, server.rules)
    return Known("", types)


def _read(model: type[M], path: Path) -> M:
    value, lines = yamlfile.read(path)
    return yamlfile.load(model, value, lines, str(path))
