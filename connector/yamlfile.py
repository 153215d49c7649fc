"""YAML (and so JSON) files with the line of every value, for errors a person can act on."""

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
import yaml.reader
from pydantic import BaseModel, ValidationError
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from . import regularfile
from .errors import UsageError

_BYTES_MAX = 4_000_000
_DEPTH_MAX = 64
M = TypeVar("M", bound=BaseModel)
Lines = dict[tuple[str | int, ...], int]


# What was expected, by the library's name of the mistake, in words for who writes the file.
_KINDS = {
    "string_type": "text",
    "string_too_short": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "fields, each with a value",
    "model_type": "fields, each with a value",
    "model_attributes_type": "fields, each with a value",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
}

_TEXT_TAG = "tag:yaml.org,2002:str"
_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "null", "bool", "map", "seq")}
# YAML 1.2's words (core schema 10.3.2): in 1.1 the code NO, of Norway say, would be false.
_JUST_TEXT = {
    first: [(f"tag:yaml.org,2002:{kind}", re.compile(f"(?:{pattern})$"))]
    for kind, pattern, firsts in (
        ("null", "~|null|Null|NULL|", ("", *"~nN")),
        ("bool", "true|True|TRUE|false|False|FALSE", tuple("tTfF")),
    )
    for first in firsts
}


class _TextLoader(yaml.SafeLoader):
    """Only text, true, false and null: an id of 007 or a date stays what was written."""

    yaml_implicit_resolvers = _JUST_TEXT

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        # Some lines of aliases to aliases are billions of values; nobody needs them here.
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            raise ComposerError(
                None, None, "& and * have a meaning of their own: put quotes", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        # JSON writes what lies beyond U+FFFF as two escapes, which YAML reads as two characters.
        text = str(super().construct_scalar(node))
        try:
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            raise ConstructorError(
                None, None, "half of a surrogate pair", node.start_mark
            ) from None


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same by libyaml, where PyYAML was built with it: ten times faster.

    Only for what it takes without a complaint, so that a mistake is told in the same words
    everywhere, and for text without aliases and escapes, which it reads in its own way.
    """

    yaml_implicit_resolvers = _JUST_TEXT


def read(path: Path) -> tuple[Any, Lines]:
    """The file's value, and the line (from 1) of each key path. `UsageError` if unreadable."""
    return parse(regularfile.read_text(path, _BYTES_MAX), str(path))


def parse(text: str, name: str) -> tuple[Any, Lines]:
    """As `read`, from a string; `name` is what errors call it."""
    if text.lstrip().startswith("{"):
        text = text.replace("\t", " ")  # white space in JSON, not in YAML
    if _bounded(text, name):
        found = _fast(text, name)
        if found is not None:
            return found
    try:
        loader = _TextLoader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UsageError(
            f"{name}, line {line}: a control character", "Take it out of that line."
        ) from None
    try:
        node = loader.get_single_node()
        if node is None:
            raise UsageError(f"{name}: the file is empty", "See `connector init` for an example.")
        lines: Lines = {}
        _mark(node, (), lines, name)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(
            f"{name}, line {line}: not YAML ({error.problem})", "Correct that line."
        ) from None
    except (yaml.YAMLError, RecursionError):
        raise UsageError(f"{name}: not YAML", "Correct the file.") from None
    finally:
        loader.dispose()


def _bounded(text: str, name: str) -> bool:
    """Whether the fast loader may read this: text without anchors, aliases, tags and escapes.

    `UsageError` for values within values beyond reason, before anything is made of them: the
    parser's events come one by one, so what is too deep is known before all of it is read.
    """
    depth, is_plain = 0, "\\" not in text
    try:
        for event in yaml.parse(text, Loader=_FastLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            named = getattr(event, "anchor", None) or getattr(event, "tag", None)
            is_plain &= not named and not isinstance(event, yaml.AliasEvent)
            if depth > _DEPTH_MAX:
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise UsageError(
                    f"{name}, line {line}: values within values, more than {_DEPTH_MAX} deep",
                    "Correct the file.",
                )
    except yaml.YAMLError:
        return False  # the careful loader says where
    return is_plain


def _fast(text: str, name: str) -> tuple[Any, Lines] | None:
    """As `parse`; None for what the careful loader has to look at."""
    try:
        loader = _FastLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            lines: Lines = {}
            _mark(node, (), lines, name)
            return loader.construct_document(node), lines
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError):
        return None


def load(model: type[M], value: Any, lines: Lines, name: str) -> M:
    """`value` as `model`; a wrong field is named with its line and what was expected."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise UsageError("\n".join(problems(error, lines, name)), "Correct the file.") from None


def problems(error: ValidationError, lines: Lines, name: str) -> list[str]:
    """One line per wrong field: file, line if known, field, what was expected. No values."""
    found = []
    for item in error.errors(include_input=False, include_url=False, include_context=False):
        where = item["loc"]
        field = ".".join(str(part) for part in where) or "the file"
        line = f", line {_line(where, lines)}" if lines else ""
        found.append(f"{name}{line}: {field}: {_expected(item)}")
    return found


def _expected(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "unknown field"
    if item["type"] == "missing":
        return "required, but not there"
    if words := _KINDS.get(item["type"]):
        return f"expected {words}"
    return str(item["msg"]).removeprefix("Value error, ").replace("Input should be", "expected")


def _line(where: tuple[str | int, ...], lines: Lines) -> int:
    known: tuple[str | int, ...] = ()
    for part in where:  # pydantic puts the kind of a value in between, which is in no file
        if (*known, part) in lines:
            known = (*known, part)
    return lines.get(known, 1)


def _mark(node: yaml.Node, where: tuple[str | int, ...], lines: Lines, name: str) -> None:
    lines[where] = node.start_mark.line + 1
    if node.tag not in _TAGS:
        raise UsageError(
            f"{name}, line {lines[where]}: a type mark (!) that has no meaning here",
            "Put the text in quotes.",
        )
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag != _TEXT_TAG:
                raise UsageError(
                    f"{name}, line {line}: the name of a field is not text", "Put it in quotes."
                )
            if key.value in seen:
                raise UsageError(
                    f"{name}, line {line}: {key.value}: written twice", "Keep one of the two."
                )
            seen.add(key.value)
            _mark(value, (*where, key.value), lines, name)
            lines[(*where, key.value)] = line
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _mark(value, (*where, index), lines, name)
