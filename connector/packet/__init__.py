"""The map step: assess, select, withhold, author. See `map_case` and mappings/README.md."""

from .answers import known_items
from .mappings import Mappings, load
from .media import HEAD, media_type
from .moments import interval
from .outline import Line, Outline, Tally
from .step import map_case

__all__ = [
    "HEAD",
    "Line",
    "Mappings",
    "Outline",
    "Tally",
    "interval",
    "known_items",
    "load",
    "map_case",
    "media_type",
]
