"""The map step: assess, select, withhold, author. See `map_case` and mappings/README.md."""

from .answers import known_items
from .cancellation import cancellation
from .check import check
from .consents import consents_hash, consents_say
from .explain import explain
from .handover import Shape, write
from .kinds import must_be_sendable, render
from .loading import load
from .mappings import Mappings
from .media import HEAD, media_type
from .moments import interval
from .news import Revision
from .outline import Line, Outline, Tally
from .programme import settled
from .rules import Checklist
from .single import not_releasable
from .step import map_case
from .targets import not_allowed

__all__ = [
    "HEAD",
    "Checklist",
    "Line",
    "Mappings",
    "Outline",
    "Revision",
    "Shape",
    "Tally",
    "cancellation",
    "check",
    "consents_hash",
    "consents_say",
    "explain",
    "interval",
    "known_items",
    "load",
    "map_case",
    "media_type",
    "must_be_sendable",
    "not_allowed",
    "not_releasable",
    "render",
    "settled",
    "write",
]
