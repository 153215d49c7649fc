"""The map step: assess, select, withhold, author. See `map_case` and mappings/README.md."""

from .handover import Shape, write
from .mappings import Mappings, load
from .outline import Line, Outline, Tally
from .step import map_case

__all__ = ["Line", "Mappings", "Outline", "Shape", "Tally", "load", "map_case", "write"]
