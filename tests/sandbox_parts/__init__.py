"""What tests need of a FHIR server beyond the wheel's sandbox: what goes wrong, sign-in, exports,
messages, and what other servers do differently. Built on the sandbox's seam alone
(`connector.sandbox.Behaviour` and `Extension`)."""

from connector.sandbox import RequestRecord

from .bulk import BulkQuirks
from .faults import Fault
from .guard import Authority, Client, Protection
from .quirks import Quirks
from .server import Sandbox

__all__ = [
    "Authority",
    "BulkQuirks",
    "Client",
    "Fault",
    "Protection",
    "Quirks",
    "RequestRecord",
    "Sandbox",
]
