"""The packet's way to the destination: who the patient is there, deliver, read back, announce.

Laws of this room (docs/architecture.md): never the wrong patient, never twice, never half, never
over the receiver's work, never silently. Every step can run again, alone, after a crash.
"""

from . import choice
from .announce import announce
from .candidates import Judged
from .deliver import deliver
from .desk import Desk
from .disclosure import account, approver, hand_over
from .identity import candidates, resolve
from .readback import read_back, verify
from .receipt import Signing, receipt, signed, signing_key

__all__ = [
    "Desk",
    "Judged",
    "Signing",
    "account",
    "announce",
    "approver",
    "candidates",
    "choice",
    "deliver",
    "hand_over",
    "read_back",
    "receipt",
    "resolve",
    "signed",
    "signing_key",
    "verify",
]
