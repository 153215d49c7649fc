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
from ..session import Session
from . import audit_event

CONSENT = "Consent"  # the authored resource that holds the signed authorization
_RELEASED = frozenset({"deliver", "announce", "export"})
_STANDING = ("sent", "accepted", *delivery.ARRIVED, "differs")


def attempt(session: Session, event: Event, resources: int) -> Disclosure:
    """A request with `resources` that is about to leave.

    Raises `Held` (`approval`) if the packet would go and nobody lets it go there.
    """
    if event in _RELEASED:
        must_be_released(session.case, session.settings.release)
    if event in ("deliver", "announce") and opened(session.case):
        event = "update"
    return _told(session, event, "attempted", resources, 0)


def look_up(session: Session) -> None:
    """Tell that the patient is about to be asked for by identifiers, or by name and birth date.

    Call just before the first such request of a run. Raises `LockHeld`.
    """
    session.ledger.disclosing(session.handle, session.fence, attempt(session, "look-up", 0))
    audit_event.keep_up(session)


def account(session: Session) -> None:
    """Tell what became of the packet, as the rows of the delivery stand now; once.

    Raises `LockHeld` if another process has taken the case since.
    """
    rows = [row for row in delivery.deliveries(session.case) if row.write_no > 0]
    standing = sum(row.status in _STANDING for row in rows)
    rejected = sum(row.status == "rejected" for row in rows)
    outcome: Outcome = "partial" if rejected else "verified"
    for word in ("accepted", "differs"):
        if any(row.status == word for row in rows):
            outcome = word
    event: Event = "announce" if session.case.state.announced_at else "deliver"
    if number(session.case):
        event = "update"
    told = _told(session, event, outcome, standing, rejected)
    session.ledger.disclosed(session.handle, session.fence, told)
    audit_event.keep_up(session)


def conclude(session: Session, event: Event, resources: int, rejected: int = 0) -> None:
    """Tell what came of a later write about the packet. Raises `LockHeld`."""
    outcome: Outcome = "partial" if rejected else "verified"
    told = _told(session, event, outcome, resources, rejected)
    session.ledger.disclosed(session.handle, session.fence, told)
    audit_event.keep_up(session)


def approver(session: Session) -> str | None:
    """Who let this very packet leave; None where no person had to."""
    approval = session.case.state.approval or {}
    same = approval.get("hash") == session.case.state.packet_hash
    return str(approval["by"]) if approval and same else None


def _told(
    session: Session, event: Event, outcome: Outcome, resources: int, rejected: int
) -> Disclosure:
    return Disclosure(
        event=event,
        outcome=outcome,
        operator=session.operator,
        approver=_decided(session, event),
        patient=f"{session.source.id} Patient/{session.source_patient()}",
        destination_id=str(session.settings.id),
        basis=session.request.basis.kind,
        document=_document(session),
        resources=resources,
        rejected=rejected,
    )


def _decided(session: Session, event: Event) -> str | None:
    if event in ("cancel", "recall"):
        made = session.case.state.withdrawal
        return str(made["by"]) if made else since.last_by(session.case)
    if event == "remove":  # of copies: whoever said so
        said = session.case.state.duplicates_decided
        return str(said[-1]["by"]) if said else None
    return approver(session)


def _document(session: Session) -> str | None:
    """SHA-256 of the signed authorization as it travels in the packet."""
    consent = packet.authored(session.case, CONSENT)
    if consent is None:
        return None
    attached: dict[str, Any] = decode(consent.body).get("sourceAttachment") or {}
    return sha256(base64.b64decode(attached.get("data") or ""))
