"""Pull one patient's whole chart from a FHIR server, and say what could not be had."""

from .plan import plan, types_of_chart
from .run import pull_chart

__all__ = ["plan", "pull_chart", "types_of_chart"]
