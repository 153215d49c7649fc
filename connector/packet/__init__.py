"""The map step: assess, select, withhold, author. See `map_case` and mappings/README.md."""

from .loading import load
from .mappings import Mappings
from .outline import Line, Outline, Tally
from .programme import settled
from .step import map_case

__all__ = ["Line", "Mappings", "Outline", "Tally", "load", "map_case", "settled"]
