"""An embedded FHIR R4 server on loopback, with faults on demand. In memory, synthetic data only."""

from connector.sandbox.embedded import Sandbox
from connector.sandbox.faults import Fault
from connector.sandbox.guard import Authority, Client, Protection
from connector.sandbox.quirks import Quirks
from connector.sandbox.server import RequestRecord

__all__ = [
    "Authority",
    "Client",
    "Fault",
    "Protection",
    "Quirks",
    "RequestRecord",
    "Sandbox",
]
