"""An embedded FHIR R4 server on loopback, in memory: what `demo` and `sandbox` run. Synthetic data
only. Tests add what other servers do, and what goes wrong (`Behaviour`, `Extension`)."""

from .behaviour import Behaviour, Extension
from .embedded import Sandbox
from .server import RequestRecord

__all__ = ["Behaviour", "Extension", "RequestRecord", "Sandbox"]
