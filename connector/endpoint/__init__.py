"""One FHIR server over HTTP: sign in, ask, retry within limits, keep credentials at home."""

from .scopes import Grant
from .session import Answer, Endpoint

__all__ = ["Answer", "Endpoint", "Grant"]
