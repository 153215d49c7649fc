"""The packet's way to the destination: who the patient is there, deliver, read back, announce.

In: the packet in the case file, and a destination. Out: what stands there, a receipt, a row of the
log for each write. Never the wrong patient, never twice, never half, never over the receiver's
work, never silently. Every step can run again, alone, after a crash.
"""

from . import unknown_outcome
from .evidence.disclosure import account
from .evidence.receipt import Signing, receipt, signed, signing_key
from .patient import choice
from .patient.candidates import Judged
from .patient.resolve import candidates, resolve
from .records import duplicates, write_only
from .records.announce import announce
from .records.deliver import deliver
from .records.readback import read_back, verify
from .records.reconcile import Found, reconcile
from .records.update import catch_up, refresh
from .records.update_number import number_taken
from .session import Session, way_of
from .takeback import recall_whole
from .takeback.cancel import cancel
from .takeback.recall import look, look_at_some, recall, recall_some
from .whole import bundle, document, folder, message
from .whole.bundle import Whole
from .wire.write import hand_over, settle_exports, settle_writes

__all__ = [
    "Found",
    "Judged",
    "Session",
    "Signing",
    "Whole",
    "account",
    "announce",
    "bundle",
    "cancel",
    "candidates",
    "catch_up",
    "choice",
    "deliver",
    "document",
    "duplicates",
    "folder",
    "hand_over",
    "look",
    "look_at_some",
    "message",
    "number_taken",
    "read_back",
    "recall",
    "recall_some",
    "recall_whole",
    "receipt",
    "reconcile",
    "refresh",
    "resolve",
    "settle_exports",
    "settle_writes",
    "signed",
    "signing_key",
    "unknown_outcome",
    "verify",
    "way_of",
    "write_only",
]
