"""An embedded FHIR R4 server on loopback, with faults on demand. In memory, synthetic data only."""

from .embedded import Sandbox
from .faults import Fault
from .guard import Authority, Client, Protection
from .quirks import Quirks
from .server import RequestRecord

__all__ = [
    "Authority",
    "Client",
    "Fault",
    "Protection",
    "Quirks",
    "RequestRecord",
    "Sandbox",
]
