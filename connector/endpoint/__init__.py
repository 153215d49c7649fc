"""One FHIR server over HTTP: sign in, ask, retry within limits, keep credentials at home."""

from .session import Endpoint
from .shape import Answer

__all__ = ["Answer", "Endpoint"]
