"""The packet's way to the destination: who the patient is there, deliver, read back, announce.

Laws of this room (docs/architecture.md): never the wrong patient, never twice, never half, never
over the receiver's work, never silently. Every step can run again, alone, after a crash.
"""

from . import choice, discard, document, doubles, doubt, folder, message, unread, whole
from .announce import announce
from .cancel import cancel
from .candidates import Judged
from .deliver import deliver
from .desk import Desk, way_of
from .disclosure import account, approver, hand_over, settle_exports, settle_writes
from .identity import candidates, resolve
from .readback import read_back, verify
from .recall import look, look_at_some, recall, recall_some
from .receipt import Signing, receipt, signed, signing_key
from .reconcile import Found, reconcile
from .taken import number_taken
from .update import catch_up, refresh
from .whole import Whole

__all__ = [
    "Desk",
    "Found",
    "Judged",
    "Signing",
    "Whole",
    "account",
    "announce",
    "approver",
    "cancel",
    "candidates",
    "catch_up",
    "choice",
    "deliver",
    "discard",
    "document",
    "doubles",
    "doubt",
    "folder",
    "hand_over",
    "look",
    "look_at_some",
    "message",
    "number_taken",
    "read_back",
    "recall",
    "recall_some",
    "receipt",
    "reconcile",
    "refresh",
    "resolve",
    "settle_exports",
    "settle_writes",
    "signed",
    "signing_key",
    "unread",
    "verify",
    "way_of",
    "whole",
]
