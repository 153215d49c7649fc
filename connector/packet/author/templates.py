"""What we write ourselves: FPML templates filled with prepared variables, checked by the gate."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from ...errors import ConnectorError
from ...fhir.gate import check
from ...fhir.lossless import encode
from ..ruleset.rules import Template

# FPML evaluates what it puts in once more, so a question with `{{` in it would be run as an
# expression. Braces in variables travel through it as these two private characters and come back.
# A Reference in a list travels as one such word: thousands of them need not be walked through.
_MARK = "\ue000"
_SEAL = {_MARK: _MARK + "0", "{": _MARK + "1"}
_WHOLE = _MARK + "2"


class Authored(NamedTuple):
    """One resource we wrote. `name`: the template's, numbered where there are several."""

    name: str
    type: str
    id: str
    body: bytes

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"


def author(
    name: str, template: Template, variables: Mapping[str, Any], label: str = ""
) -> Authored:
    """Fill a template. `variables` by name, as the template says `%name`; lists stay lists.

    Raises `ConnectorError` (value-free) when the template fails or the result is not valid R4.
    """
    from fpml import FPMLValidationError, resolve_template

    names = {key: _sealed(value) for key, value in variables.items()}
    try:
        filled = resolve_template({}, template.template, names, strict=True, evaluate=_evaluator())
    except FPMLValidationError as error:
        raise ConnectorError(
            f"template {name}: {error.error_path}: the expression can't be evaluated",
            f"Correct mappings/templates/{name}.yaml.",
        ) from None
    resource = _unsealed(filled)
    if findings := check(dict(resource)):
        raise ConnectorError(
            f"template {name} does not give a valid resource: {'; '.join(findings[:5])}",
            f"Correct mappings/templates/{name}.yaml.",
        )
    return Authored(label or name, resource["resourceType"], resource["id"], encode(resource))


@lru_cache(maxsize=1)
def _evaluator() -> Callable[[Any, str, dict[str, Any]], list[Any]]:
    """FHIRPath on R4, each expression compiled once."""
    # Imported here: only the map step needs the parser.
    from fhirpathpy import compile as compile_fhirpath
    from fhirpathpy.models import models

    @cache
    def compiled(expression: str) -> Callable[[Any, Any], list[Any]]:
        path: Callable[[Any, Any], list[Any]] = compile_fhirpath(expression, models["r4"])
        return path

    def evaluate(resource: Any, expression: str, context: dict[str, Any]) -> list[Any]:
        return compiled(expression)(resource, context)

    return evaluate


def _sealed(value: Any) -> Any:
    if isinstance(value, str):
        sealed = _MARK in value or "{" in value
        return "".join(_SEAL.get(c, c) for c in value) if sealed else value
    if isinstance(value, list):
        return [
            _WHOLE + item["reference"] if _only_refers(item) else _sealed(item) for item in value
        ]
    if isinstance(value, dict):
        return {name: _sealed(item) for name, item in value.items()}
    return value


def _only_refers(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and item.keys() == {"reference"}
        and not (_MARK in item["reference"] or "{" in item["reference"])
    )


def _unsealed(value: Any) -> Any:
    if isinstance(value, str):
        if value.startswith(_WHOLE):
            return {"reference": value.removeprefix(_WHOLE)}
        if _MARK in value:
            return value.replace(_SEAL["{"], "{").replace(_SEAL[_MARK], _MARK)
        return value
    if isinstance(value, list):
        return [_unsealed(item) for item in value]
    if isinstance(value, dict):
        return {name: _unsealed(item) for name, item in value.items()}
    return value


def in_hundreds(references: list[str]) -> Iterator[list[dict[str, str]]]:
    """Provenance targets, at most a hundred at a time: larger ones are slow to store and read."""
    for start in range(0, len(references), 100):
        yield [{"reference": reference} for reference in references[start : start + 100]]
