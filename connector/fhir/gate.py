"""The gate: what we author is a valid FHIR resource, or it doesn't leave.

The only importer of `fhir.resources` (R4B models: for every type we author they are the same as
R4 4.0.1). Findings name elements and rules, never values: they may be logged.
"""

from typing import Any


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


def _finding(name: str, item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"])
    return f"{name}.{path}: {item['type']}"
