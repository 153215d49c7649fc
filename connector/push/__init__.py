"""The packet's way to the destination: who the patient is there, deliver, read back, announce.

Laws of this room (docs/architecture.md): never the wrong patient, never twice, never half, never
over the receiver's work, never silently. Every step can run again, alone, after a crash.
"""

from .announce import announce
from .compare import compare_patients
from .deliver import deliver
from .desk import Desk
from .disclosure import account
from .identity import resolve
from .readback import read_back, verify
from .receipt import Signing, receipt, signed, signing_key

__all__ = [
    "Desk",
    "Signing",
    "account",
    "announce",
    "compare_patients",
    "deliver",
    "read_back",
    "receipt",
    "resolve",
    "signed",
    "signing_key",
    "verify",
]
