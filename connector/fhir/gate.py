"""The gate: what we author is a valid FHIR resource, or it doesn't leave.

The only importer of `fhir.resources` (R4B models: for every type we author they are the same as
R4 4.0.1). Findings name elements and rules, never values: they may be logged.
"""

from functools import cache
from typing import Any, get_args


def check(resource: dict[str, Any]) -> list[str]:
    """What is wrong with a decoded resource: `Type.element.path: rule`, sorted; [] when valid."""
    name = str(resource.get("resourceType", "resource"))
    # Imported here: a quarter of a second that only those pay who author or edit something.
    from fhir_core.fhirabstractmodel import FHIRAbstractModel
    from pydantic import ValidationError

    FHIRAbstractModel.set_global_model_config(hide_input_in_errors=True)
    from fhir.resources.R4B import get_fhir_model_class

    try:
        get_fhir_model_class(name).model_validate(resource)
    except ValidationError as error:
        return sorted(_finding(name, item) for item in error.errors(include_input=False))
    except RecursionError:
        return [f"{name}: nested too deeply"]
    except (KeyError, ValueError):
        # How the models refuse a resource type they don't know, here or in `contained`.
        return [f"{name}: unknown resource type"]
    return []


@cache
def required(type_name: str, *path: str) -> bool:
    """Whether R4 demands the element at `path` (member names, without positions) of a type.

    One of a choice that R4 demands counts as demanded. Raises `LookupError` for a type that the
    models don't know; a name they don't know is not demanded.
    """
    field = _field(type_name, path)
    extra = getattr(field, "json_schema_extra", None) or {}
    demanded = extra.get("element_required") or extra.get("one_of_many_required")
    return bool(demanded or (field is not None and field.is_required()))


@cache
def targets(type_name: str, *path: str) -> frozenset[str] | None:
    """The types that R4 allows a reference at `path` (member names) of a type to point to.

    None where any may be, or the models know no such type or element.
    """
    try:
        extra = getattr(_field(type_name, path), "json_schema_extra", None) or {}
    except LookupError:
        return None
    allowed = frozenset(extra.get("enum_reference_types") or ())
    return None if not allowed or "Resource" in allowed else allowed


def has(type_name: str, *path: str) -> bool:
    """Whether R4 has an element at `path` (member names, without positions) of a type.

    Anything below `contained` may be there. Raises `LookupError` for a type that the models don't
    know.
    """
    inside = path.index("contained") + 1 if "contained" in path else len(path)
    return _field(type_name, path[:inside]) is not None


def _field(type_name: str, path: tuple[str, ...]) -> Any:
    """The model's field for an element; None if it has none of that name."""
    from fhir.resources.R4B import get_fhir_model_class

    field = None
    try:
        model: Any = get_fhir_model_class(type_name)
    except (KeyError, ValueError):
        raise LookupError(type_name) from None
    for name in path:
        fields = model.model_fields.values() if model else ()
        field = next((each for each in fields if each.alias == name), None)
        if field is None:
            return None
        model = _model(field.annotation)
    return field


def _model(annotation: Any) -> Any:
    """The model behind the annotation of a field, if it is one of FHIR's complex types."""
    if hasattr(annotation, "get_model_klass"):
        return annotation.get_model_klass()
    return next(filter(None, map(_model, get_args(annotation))), None)


def _finding(name: str, item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"])
    return f"{name}.{path}: {item['type']}"
