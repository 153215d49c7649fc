"""What is told of each disclosure: a row of the log for every attempt, and for what came of it.

An attempt is told in the same commit that allows the bytes to leave (`Ledger.intend`): one that was
begun and never finished stands in the log as well.
"""

import base64
from typing import Any

from ...fhir.lossless import decode, sha256
from ...store.audit.disclosures import Disclosure, Event, Outcome
from ...store.mapped import packet
from ...store.mapped.route import must_be_released
from ...store.mapped.update import number, opened
from ...store.sent import delivery
from ...store.status import since
from ..session import Desk
from . import audit_event

CONSENT = "Consent"  # the authored resource that holds the signed authorization
_RELEASED = frozenset({"deliver", "announce", "export"})
_STANDING = ("sent", "accepted", *delivery.ARRIVED, "differs")


def attempt(desk: Desk, event: Event, resources: int) -> Disclosure:
    """A request with `resources` that is about to leave.

    Raises `Held` (`approval`) if the packet would go and nobody lets it go there.
    """
    if event in _RELEASED:
        must_be_released(desk.case, desk.settings.release)
    if event in ("deliver", "announce") and opened(desk.case):
        event = "update"
    return _told(desk, event, "attempted", resources, 0)


def look_up(desk: Desk) -> None:
    """Tell that the patient is about to be asked for by identifiers, or by name and birth date.

    Call just before the first such request of a run. Raises `LockHeld`.
    """
    desk.ledger.disclosing(desk.handle, desk.fence, attempt(desk, "look-up", 0))
    audit_event.keep_up(desk)


def account(desk: Desk) -> None:
    """Tell what became of the packet, as the rows of the delivery stand now; once.

    Raises `LockHeld` if another process has taken the case since.
    """
    rows = [row for row in delivery.deliveries(desk.case) if row.write_no > 0]
    standing = sum(row.status in _STANDING for row in rows)
    rejected = sum(row.status == "rejected" for row in rows)
    outcome: Outcome = "partial" if rejected else "verified"
    for word in ("accepted", "differs"):
        if any(row.status == word for row in rows):
            outcome = word
    event: Event = "announce" if desk.case.state.announced_at else "deliver"
    if number(desk.case):
        event = "update"
    told = _told(desk, event, outcome, standing, rejected)
    desk.ledger.disclosed(desk.handle, desk.fence, told)
    audit_event.keep_up(desk)


def conclude(desk: Desk, event: Event, resources: int, rejected: int = 0) -> None:
    """Tell what came of a later write about the packet. Raises `LockHeld`."""
    outcome: Outcome = "partial" if rejected else "verified"
    told = _told(desk, event, outcome, resources, rejected)
    desk.ledger.disclosed(desk.handle, desk.fence, told)
    audit_event.keep_up(desk)


def approver(desk: Desk) -> str | None:
    """Who let this very packet leave; None where no person had to."""
    approval = desk.case.state.approval or {}
    same = approval.get("hash") == desk.case.state.packet_hash
    return str(approval["by"]) if approval and same else None


def _told(desk: Desk, event: Event, outcome: Outcome, resources: int, rejected: int) -> Disclosure:
    return Disclosure(
        event=event,
        outcome=outcome,
        operator=desk.operator,
        approver=_decided(desk, event),
        patient=f"{desk.source.id} Patient/{desk.source_patient()}",
        destination_id=str(desk.settings.id),
        basis=desk.request.basis.kind,
        document=_document(desk),
        resources=resources,
        rejected=rejected,
    )


def _decided(desk: Desk, event: Event) -> str | None:
    if event in ("cancel", "recall"):
        made = desk.case.state.withdrawal
        return str(made["by"]) if made else since.last_by(desk.case)
    if event == "remove":  # of copies: whoever said so
        said = desk.case.state.duplicates_decided
        return str(said[-1]["by"]) if said else None
    return approver(desk)


def _document(desk: Desk) -> str | None:
    """SHA-256 of the signed authorization as it travels in the packet."""
    consent = packet.authored(desk.case, CONSENT)
    if consent is None:
        return None
    attached: dict[str, Any] = decode(consent.body).get("sourceAttachment") or {}
    return sha256(base64.b64decode(attached.get("data") or ""))
