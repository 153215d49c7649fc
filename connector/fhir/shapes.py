"""What can be read of JSON that may have any shape: nothing, where the shape is another one."""

from typing import Any


def items(value: Any) -> list[Any]:
    """An element as a list: one that may repeat may come as one, wrongly or rightly."""
    return value if isinstance(value, list) else [] if value is None else [value]


def objects_in(value: Any) -> list[dict[str, Any]]:
    """The objects of an element that comes once or as a list."""
    return [item for item in items(value) if isinstance(item, dict)]


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects in what should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """The strings in what should be a list of them."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def as_dict(value: Any) -> dict[str, Any]:
    """What should be an object."""
    return value if isinstance(value, dict) else {}


def as_text(value: Any) -> str:
    """What should be a string."""
    return value if isinstance(value, str) else ""
