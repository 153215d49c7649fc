"""Runs the examples in search.yaml and servers/, and says which rules have none."""

from collections.abc import Iterator
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


def check(files: MappingFiles) -> Checked:
    """What is wrong with these files, or with what their rules make of the examples."""
    paths = {"search": files.path("search.yaml")} | files.folder("servers")
    wrong: list[str] = []
    bare: list[str] = []
    number = 0
    for name, path in paths.items():
        try:
            value, lines = yamlfile.read(path)
            file: Searches | Server = (
                yamlfile.load(Searches, value, lines, str(path))
                if name == "search"
                else yamlfile.load(Server, value, lines, str(path))
            )
        except UsageError as error:
            wrong.append(str(error))
            continue
        number += len(file.examples)
        if not wrong:
            wrong += _differing(files, name, file, path, lines)
            bare += _without(file, path, lines)
    return Checked(len(paths), number, tuple(wrong), tuple(bare))


def _differing(
    files: MappingFiles, name: str, file: Searches | Server, path: Path, lines: yamlfile.Lines
) -> Iterator[str]:
    examples: tuple[SearchExample | ServerExample, ...] = file.examples
    for number, example in enumerate(examples):
        got = _outcome(files, name, example)
        if got != example.found:
            said, made = (", ".join(words) or "nothing" for words in (example.found, got))
            line = lines[("examples", number)]
            yield f"{path}, line {line}: the example says {said}, the rules {made}"


def _outcome(
    files: MappingFiles, name: str, example: SearchExample | ServerExample
) -> tuple[str, ...]:
    if isinstance(example, SearchExample):
        return tuple(_after_400(known("", None, files), example.type))
    if example.type is None:
        return tuple(filter(None, [known(example.software or "", None, files).name]))
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


def _asked(server: Known, resource_type: str) -> Iterator[str]:
    """The queries for a type at a server, and after `not` those it is known to reject."""
    capability = _capability(resource_type)
    for query in plan(capability, "1", _SOURCE, frozenset(), frozenset(), server):
        yield query.key
    wanted = frozenset({resource_type})
    for what in unsupported(capability, frozenset(), wanted, server):
        if what.partition("?")[0] == resource_type:
            yield f"not {what}"


def _without(file: Searches | Server, path: Path, lines: yamlfile.Lines) -> Iterator[str]:
    """Each type needs an example, and each software name."""
    for rule, where in _rules(file).items():
        if not any(rule in (example.type, _software(example)) for example in file.examples):
            yield f"{path}, line {lines[where]}: {rule} has no example"


def _software(example: SearchExample | ServerExample) -> str | None:
    return example.software if isinstance(example, ServerExample) else None


def _rules(file: Searches | Server) -> dict[str, tuple[str | int, ...]]:
    if isinstance(file, Searches):
        return {name: ("types", name) for name in file.types}
    types: dict[str, tuple[str | int, ...]] = {
        name: ("rules", number) for number, rule in enumerate(file.rules) for name in rule.types
    }
    return types | dict.fromkeys(file.software, ("software",))
