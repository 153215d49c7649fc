"""The packet's way to the destination: who the patient is there, deliver, read back, announce.

Laws of this room (docs/architecture.md): never the wrong patient, never twice, never half, never
over the receiver's work, never silently. Every step can run again, alone, after a crash.
"""

from . import choice
from .announce import announce
from .candidates import Judged
from .deliver import deliver
from .desk import Desk
from .identity import candidates, resolve
from .readback import read_back, verify
from .receipt import receipt

__all__ = [
    "Desk",
    "Judged",
    "announce",
    "candidates",
    "choice",
    "deliver",
    "read_back",
    "receipt",
    "resolve",
    "verify",
]
