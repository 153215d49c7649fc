"""What can be read of JSON that may have any shape: nothing, where the shape is another one."""

from typing import Any


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects in what should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """The strings in what should be a list of them."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
