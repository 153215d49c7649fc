"""The packet's way to the destination: who the patient is there, deliver, read back, announce.

Laws of this room (docs/architecture.md): never the wrong patient, never twice, never half, never
over the receiver's work, never silently. Every step can run again, alone, after a crash.
"""

from . import choice, doubt, unread
from .announce import announce
from .cancel import cancel
from .candidates import Judged
from .deliver import deliver
from .desk import Desk, way_of
from .disclosure import account, approver, hand_over
from .identity import candidates, resolve
from .readback import read_back, verify
from .recall import look, recall
from .receipt import Signing, receipt, signed, signing_key

__all__ = [
    "Desk",
    "Judged",
    "Signing",
    "account",
    "announce",
    "approver",
    "cancel",
    "candidates",
    "choice",
    "deliver",
    "doubt",
    "hand_over",
    "look",
    "read_back",
    "recall",
    "receipt",
    "resolve",
    "signed",
    "signing_key",
    "unread",
    "verify",
    "way_of",
]
