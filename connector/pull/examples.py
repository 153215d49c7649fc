"""Runs the examples in search.yaml and servers/, and says which rules have none."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import yamlfile
from ..errors import UsageError
from ..fhir.capability import Capability
from ..mappingfiles import Checked, MappingFiles
from ..settings import Source
from .plan import plan, unsupported, wider
from .servers import Known, Searches, SearchExample, Server, ServerExample, known

_SOURCE = Source.model_validate(
    {
        "id": "00000000-0000-0000-0000-000000000000",
        "base_url": "https://example.org/fhir",
        "environment": "test",
    }
)
_EVERY_PARAMETER: frozenset[str] = frozenset()  # a server that lists none is asked all the same


@dataclass(frozen=True)
class _Read:
    name: str
    file: Searches | Server
    path: Path
    lines: yamlfile.Lines

    @property
    def examples(self) -> tuple[SearchExample | ServerExample, ...]:
        return self.file.examples

    def at(self, *where: str | int) -> str:
        return f"{self.path}, line {self.lines[where]}"


def check(files: MappingFiles) -> Checked:
    """What is wrong with these files, or with what their rules make of the examples."""
    paths = {"search": files.path("search.yaml")} | files.folder("servers")
    found: list[_Read] = []
    wrong = []
    for name, path in paths.items():
        try:
            found.append(_read(name, path))
        except UsageError as error:
            wrong.append(str(error))
    if wrong:  # an example may need any of the files
        return Checked(wrong=tuple(wrong))
    return Checked(
        len(found),
        sum(len(read.examples) for read in found),
        tuple(line for read in found for line in _differing(files, read)),
        tuple(line for read in found for line in _without(read)),
    )


def _read(name: str, path: Path) -> _Read:
    value, lines = yamlfile.read(path)
    if name == "search":
        return _Read(name, yamlfile.load(Searches, value, lines, str(path)), path, lines)
    return _Read(name, yamlfile.load(Server, value, lines, str(path)), path, lines)


def _differing(files: MappingFiles, read: _Read) -> Iterator[str]:
    for number, example in enumerate(read.examples):
        got = _outcome(files, read.name, example)
        if got != example.found:
            said, made = (", ".join(words) or "nothing" for words in (example.found, got))
            yield f"{read.at('examples', number)}: the example says {said}, the rules {made}"


def _outcome(
    files: MappingFiles, name: str, example: SearchExample | ServerExample
) -> tuple[str, ...]:
    if isinstance(example, SearchExample):
        return tuple(_after_400(known("", None, files), example.type))
    if example.type is None:
        found = known(example.software or "", None, files, example.publisher or "")
        return tuple(filter(None, [found.name]))
    return tuple(_asked(known("", name, files), example.type))


def _capability(resource_type: str) -> Capability:
    return Capability("4.0.1", "", {resource_type: _EVERY_PARAMETER}, frozenset(), frozenset())


def _after_400(server: Known, resource_type: str) -> Iterator[str]:
    """With which parameters a type is asked for after HTTP 400, one more each time."""
    capability = _capability(resource_type)
    (query,) = plan(capability, "1", _SOURCE, frozenset(), frozenset(), server)
    while other := wider(query, capability, server):
        yield other.url.removeprefix(query.url).strip("&").partition("=")[0]
        query = other
    if server.of(resource_type).category:
        yield "category"
    for parameter in server.of(resource_type).every_or_none:
        yield f"{parameter} or none"


def _asked(server: Known, resource_type: str) -> Iterator[str]:
    """The queries for a type at a server, and after `not` those it is known to reject."""
    capability = _capability(resource_type)
    for query in plan(capability, "1", _SOURCE, frozenset(), frozenset(), server):
        yield query.key
    wanted = frozenset({resource_type})
    for what in unsupported(capability, frozenset(), wanted, server):
        if what.partition("?")[0] == resource_type:
            yield f"not {what}"


def _without(read: _Read) -> Iterator[str]:
    """Each type needs an example, and each name by which a server is recognised."""
    covered = {name for example in read.examples for name in (example.type, _says(example))}
    for rule, where in _rules(read.file).items():
        if rule not in covered:
            yield f"{read.at(*where)}: {rule} has no example"


def _says(example: SearchExample | ServerExample) -> str | None:
    """What a server says of itself, in an example of how it is recognised."""
    return (example.software or example.publisher) if isinstance(example, ServerExample) else None


def _rules(file: Searches | Server) -> dict[str, tuple[str | int, ...]]:
    if isinstance(file, Searches):
        return {name: ("types", name) for name in file.types}
    types: dict[str, tuple[str | int, ...]] = {
        name: ("rules", number) for number, rule in enumerate(file.rules) for name in rule.types
    }
    names = {"software": file.software, "publisher": file.publisher}
    return types | {name: (where,) for where, said in names.items() for name in said}
