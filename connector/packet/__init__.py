"""The map step: withhold, assess, select, author. See `map_case` and mappings/README.md.

In: the chart and gaps of the case file, the request, the mapping set, `as_of`. Out: the packet, its
hash, and a decision for every record: pulled = selected + not selected + withheld + entered in
error + merged. The same in gives the same bytes out. Never leaked: what is withheld does not show.
"""

from .author.cancellation import cancellation
from .author.news import Revision
from .checklist.answers import known_items
from .record.dates import interval
from .record.media_type import HEAD, media_type
from .release.consents import consents_say
from .release.override import not_releasable
from .render.bundle import must_be_sendable, render
from .render.handover import Shape, write
from .render.outline import Line, Outline
from .render.reference_targets import not_allowed
from .ruleset.kinds import Kind
from .ruleset.loading import load
from .ruleset.mappings import Mappings
from .ruleset.programme import settled
from .ruleset.rules import Checklist
from .step import map_case
from .try_out.check import check
from .try_out.explain import explain

__all__ = [
    "HEAD",
    "Checklist",
    "Kind",
    "Line",
    "Mappings",
    "Outline",
    "Revision",
    "Shape",
    "cancellation",
    "check",
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
