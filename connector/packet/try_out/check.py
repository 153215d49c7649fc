"""Checks the files of a mapping set that the map step reads, and runs their examples."""

from collections.abc import Iterator
from typing import Any

from ...errors import ConnectorError, UsageError
from ...fhir import gate
from ...mappingfiles import Checked, MappingFiles
from ..ruleset.content_rules import Programme, Terminology
from ..ruleset.file import Read, model_of, read
from ..ruleset.kinds import Kind, broader_of
from ..ruleset.loading import load
from ..ruleset.mappings import Mappings
from ..ruleset.names_used import used
from ..ruleset.release_rules import Shadows
from ..ruleset.rules import File, Template
from .examples_run import Bench, outcome
from .without_example import covers, rules_of


def check(files: MappingFiles) -> Checked:
    """What is wrong with the files, or with what their rules make of the examples."""
    found, wrong = _read_all(files)
    if not wrong:
        try:
            mappings = load(files.own)
        except UsageError as error:
            wrong = [str(error)]
    if wrong:
        return Checked(wrong=tuple(wrong))
    return _run(found, mappings)


def _read_all(files: MappingFiles) -> tuple[dict[str, Read[File]], list[str]]:
    """Each file by itself, so that all that is wrong is told at once."""
    found: dict[str, Read[File]] = {}
    wrong = []
    for name, path in files.paths.items():
        model = model_of(name)
        if model is None:
            continue
        try:
            found[name] = read(model, path)
        except UsageError as error:
            wrong.append(str(error))
    return found, wrong


def _run(found: dict[str, Read[File]], mappings: Mappings) -> Checked:
    wrong = list(_unused(found, mappings))
    bare: list[str] = []
    number = 0
    with Bench.set_up(mappings) as bench:
        for name, file in found.items():
            number += len(_examples(file))
            wrong += _not_fhir(file)
            wrong += _no_element(file)
            wrong += _differing(bench, name, file)
            bare += _without(file)
    return Checked(len(found), number, tuple(wrong), tuple(bare))


def _unused(found: dict[str, Read[File]], mappings: Mappings) -> Iterator[str]:
    """Kinds that no rule names, nor one of those that are broader."""
    named = used(*mappings.rule_files)
    above = broader_of(mappings.kinds)
    for file in found.values():
        for number, kind in enumerate(getattr(file.file, "kinds", ())):
            if isinstance(kind, Kind) and named.isdisjoint({kind.id} | above[kind.id]):
                line = file.lines[("kinds", number, "id")]
                yield f"{file.path}, line {line}: {kind.id}: no rule names this kind"


def _examples(found: Read[File]) -> tuple[object, ...]:
    return tuple(getattr(found.file, "examples", ()))


def _differing(bench: Bench, name: str, found: Read[File]) -> Iterator[str]:
    stem = name.rpartition("/")[2].removesuffix(".yaml")
    for number, example in enumerate(found.file.examples):
        where = f"{found.path}, line {found.lines[('examples', number)]}"
        try:
            got = outcome(bench, stem, found.file, example)
        except ConnectorError as error:
            yield f"{where}: {error}"
            continue
        if got != _said(example.found):
            yield f"{where}: {_otherwise(found.file, example.found, got)}"


def _said(found: Any) -> Any:
    """Kinds are told in any order."""
    return tuple(sorted(found)) if isinstance(found, tuple) and " by " in "".join(found) else found


def _without(found: Read[File]) -> Iterator[str]:
    covered = {covers(example, found.file) for example in found.file.examples}
    for rule, where in rules_of(found.file).items():
        if rule not in covered:
            line = found.lines[where]
            yield f"{found.path}, line {line}: {rule or 'this file'} has no example"


def _not_fhir(found: Read[File]) -> Iterator[str]:
    if isinstance(found.file, Terminology):
        line = found.lines[("resource",)]
        for finding in gate.check(dict(found.file.resource)):
            yield f"{found.path}, line {line}: not valid FHIR: {finding}"


def _no_element(found: Read[File]) -> Iterator[str]:
    """Element paths of rules that no record can have: such a rule would never do anything."""
    for where, path in _elements(found.file):
        type_name, *names = path.split(".")
        place = f"{found.path}, line {found.lines[where]}"
        try:
            if not gate.has(type_name, *names):
                yield f"{place}: {path}: R4 has no such element"
        except LookupError:
            yield f"{place}: {path}: {type_name} is no resource type"


def _elements(file: File) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where each element path of a file stands, and the path."""
    if isinstance(file, Terminology) and file.applies is not None:
        for number, path in enumerate(file.applies.elements):
            yield ("applies", "elements", number), path
    if isinstance(file, Shadows):
        for name in ("with", "with_all", "takes", "takes_last"):
            paths = getattr(file, "with_" if name == "with" else name)
            for number, path in enumerate(paths):
                yield (name, number), path
    if isinstance(file, Programme):
        for rule, change in enumerate(file.changes):
            for number, path in enumerate(getattr(change, "elements", ())):
                yield ("changes", rule, "elements", number), path


def _otherwise(file: File, said: Any, got: Any) -> str:
    if isinstance(file, Template):
        return f"does not hold: {_words(tuple(line for line in said if line not in got))}"
    return f"the example says {_words(said)}, the rules {_words(got)}"


def _words(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "nothing"
    return str(value)
