"""The documentation against the program: what it says is there, and what is there is said."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import BaseModel

from connector import cli, yamlfile
from connector.case import State
from connector.config import Config, load
from connector.errors import PRECEDENCE, Exit
from connector.push.evidence.receipt import Line
from connector.request import Request
from connector.store.audit.disclosures import Break, Event, Outcome
from connector.work.requests import SUFFIXES, read_request
from tests import support
from tests.docs.pages import DOCS, blocks, examples, page
from tests.schemas import schemas

_LINK = re.compile(r"\]\(([^)#:]+)\)")
_CODE = re.compile(r"`([^`]+)`")


def schema(name: str) -> Any:
    return json.loads((DOCS / name).read_text())


@pytest.mark.parametrize("name", schemas())
def test_a_schema_is_what_the_classes_make(name: str) -> None:
    assert schema(name) == schemas()[name], "write it anew: python -m tests.schemas"


@pytest.mark.parametrize("path", examples("request*"), ids=lambda path: path.name)
def test_an_example_of_a_request_is_one(path: Path) -> None:
    assert path.suffix in SUFFIXES
    jsonschema.validate(yamlfile.read(path)[0], schema("request.schema.json"))
    read_request(path)


def test_the_examples_are_as_small_and_as_full_as_they_say() -> None:
    smallest = (DOCS / "examples" / "request-smallest.yaml").read_text()
    assert len(smallest.splitlines()) <= 10
    full, _ = yamlfile.read(DOCS / "examples" / "request-full.yaml")
    assert full.keys() == Request.model_fields.keys()


def test_the_example_of_a_configuration_is_one() -> None:
    (path,) = examples("*.toml")
    jsonschema.validate(tomllib.loads(path.read_text()), schema("config.schema.json"))
    config = load(path)
    assert config.sources
    assert config.destinations


@pytest.mark.parametrize("block", blocks("configuration.md", "toml"), ids=lambda b: b.text[:30])
def test_a_piece_of_configuration_is_read(block: Any, tmp_path: Path) -> None:
    """A piece stands in the example's place for the tables it names."""
    whole = tomllib.loads((DOCS / "examples" / "connector.toml").read_text())
    for kind, value in tomllib.loads(block.text).items():
        if kind in ("sources", "destinations"):
            for name, table in value.items():
                whole[kind][name] = {**whole[kind].get(name, {}), **table}
        else:
            whole[kind] = value
    Config.model_validate(whole)


@pytest.mark.parametrize("block", blocks("request.md", "yaml"), ids=lambda b: b.text[:30])
def test_a_piece_of_a_request_is_read(block: Any) -> None:
    """A piece stands in the smallest request's place for the fields it names."""
    smallest, _ = yamlfile.read(DOCS / "examples" / "request-smallest.yaml")
    piece, lines = yamlfile.parse(block.text, "request.md")
    yamlfile.load(Request, {**smallest, **piece}, lines, "request.md")


@pytest.mark.parametrize("verb", cli._VERBS)
def test_a_verb_is_in_the_readme_and_teaches_by_example(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([verb, "-h"]) == 0
    told = capsys.readouterr().out.partition("Example")[2]
    assert f"connector {verb}" in told or (verb == "sync" and " sync " in told)
    readme = (support.ROOT / "README.md").read_text()
    assert re.search(rf"\bconnector {verb}\b|`{verb}\b", readme), f"README.md: {verb}"


@pytest.mark.parametrize("code", Exit)
def test_an_exit_code_is_explained(code: Exit) -> None:
    assert re.search(rf"^\| {code.value} \|", page("exit-codes.md"), re.MULTILINE)
    if code is not Exit.DELIVERED:
        assert re.search(rf"^## Exit {code.value}\b", page("troubleshooting.md"), re.MULTILINE)


def test_the_precedence_is_the_one_written() -> None:
    assert ", ".join(str(code.value) for code in PRECEDENCE) in page("exit-codes.md")


def fields(model: type[BaseModel]) -> Iterator[str]:
    """Names of all fields of a model and of the models in them."""
    for name, field in model.model_fields.items():
        yield name
        for inner in models(field.annotation):
            yield from fields(inner)


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)


@pytest.mark.parametrize(("name", "model"), [("configuration.md", Config), ("request.md", Request)])
def test_every_field_is_explained(name: str, model: type[BaseModel]) -> None:
    explained = codes(page(name))
    assert not {field for field in fields(model) if field not in explained}


def codes(text: str) -> set[str]:
    """What stands in code marks, outside of fenced blocks."""
    return set(_CODE.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)))


def test_the_json_shown_is_json_and_a_case_is_as_its_schema_says() -> None:
    shown = [(block.mark, json.loads(block.text)) for block in blocks("json-output.md", "json")]
    cases = [value for mark, value in shown if mark == "schema: case"]
    assert cases
    for value in cases:
        jsonschema.validate(value, schema("case.schema.json"))


def test_all_json_that_is_printed_is_explained(world: support.World) -> None:
    world.configure(release="manual")
    request = world.request("requests/a.yaml")
    (world.folder / "requests" / "b.yaml").write_text("not: a request")
    printed = [
        world.cli(*command.split(), "--json").json
        for command in (
            f"transfer {request} --dry-run",
            f"transfer {request}",
            "resolve SO-1",
            "show SO-1",
            "sync requests",
            "status",
            "doctor",
            "show nobody",
        )
    ]
    jsonschema.validate(printed[1], schema("case.schema.json"))
    jsonschema.validate(printed[3], schema("case.schema.json"))
    assert not set(keys(printed)) - codes(page("json-output.md"))


def test_receipts_and_the_log_are_explained(world: support.World) -> None:
    world.configure()
    sent = world.cli("transfer", world.request(), "--json").json
    printed = [
        json.loads(Path(sent["receipt"]).read_text()),
        world.cli("receipt", "check", sent["receipt"], "--json").json,
        world.cli("audit", "show", "--json").json,
        world.cli("audit", "verify", "--json").json,
    ]
    jsonschema.validate(printed[0], schema("receipt.schema.json"))
    explained = codes(page("proof.md")) | codes(page("json-output.md"))
    words = {*get_args(Event), *get_args(Outcome)}
    words |= set(get_args(Line.model_fields["status"].annotation))
    words |= set(get_args(Break.__annotations__["kind"]))
    assert not (set(keys(printed)) | words) - explained


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from keys(inner)


def test_states_and_codes_of_held_cases_are_explained() -> None:
    explained = codes(page("json-output.md"))
    assert {state.value for state in State} <= explained
    held = set(held_codes())
    assert held <= explained
    assert held <= codes(page("troubleshooting.md"))


def sources() -> Iterator[ast.AST]:
    for path in sorted((support.ROOT / "connector").rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text()))


def held_codes() -> Iterator[str]:
    """The first argument of every `Held(…)` that is written as text."""
    for node in sources():
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "Held"
        ):
            code = node.args[0]
            if isinstance(code, ast.Constant):
                yield str(code.value)


def test_every_message_explained_is_one_of_the_program() -> None:
    spoken = {said(node) for node in sources() if isinstance(node, ast.Constant | ast.JoinedStr)}
    invented = {
        words for words in explained_messages() if not any(words in text for text in spoken)
    }
    assert not invented


def explained_messages() -> Iterator[str]:
    """Messages in the first columns of troubleshooting.md, without what is filled in (…)."""
    for section in re.split(r"^## ", page("troubleshooting.md"), flags=re.MULTILINE):
        if re.match(r"Exit (?!4|5)", section):  # those list states and codes
            for row in re.findall(r"^\| (`[^\n]*?) \|", section, re.MULTILINE):
                for message in _CODE.findall(row):
                    yield from filter(None, (part.strip(" :;()") for part in message.split("…")))


def said(node: ast.Constant | ast.JoinedStr) -> str:
    """Text as it is printed, with … for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values
    )


@pytest.mark.parametrize("path", [support.ROOT / "README.md", *sorted(DOCS.glob("*.md"))])
def test_links_lead_somewhere(path: Path) -> None:
    broken = [link for link in _LINK.findall(path.read_text()) if not (path.parent / link).exists()]
    assert not broken
