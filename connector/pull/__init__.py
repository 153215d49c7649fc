"""Pull one patient's whole chart from a FHIR server or files; say what could not be had.

In: the request, the source. Out, in the case file: records byte for byte, and a `Gap` for all that
was wanted and not had. Never the wrong patient, never silent, never endless, never to a stranger;
committed page by page, so that any run may end anywhere and the next goes on.
"""

from .bulk.delete import forget as forget_export
from .consents import consents_now, keep_consents
from .examples import check
from .files.source import pull_files
from .granted import not_granted
from .input.given import survey
from .plan import plan, types_of_chart
from .run import pull_chart

__all__ = [
    "check",
    "consents_now",
    "forget_export",
    "keep_consents",
    "not_granted",
    "plan",
    "pull_chart",
    "pull_files",
    "survey",
    "types_of_chart",
]
