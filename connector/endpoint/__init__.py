"""One FHIR server over HTTP: sign in, ask, retry within limits, keep credentials at home."""

from .endpoint import FHIR_JSON, Endpoint
from .scopes import Grant
from .shape import Answer

__all__ = ["FHIR_JSON", "Answer", "Endpoint", "Grant"]
