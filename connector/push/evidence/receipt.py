"""The receipt: proof of arrival, resource by resource, without clinical content."""

from typing import Any, Literal, NamedTuple

from ...config import ReceiptSettings
from ...keys import SigningKey, read
from ...model import Model
from ...settings import Kind
from ...signature import sign
from ...store.mapped import packet
from ...store.mapped.update import number
from ...store.sent import delivery
from ..session import REQUEST, TASK, Session, key_of
from . import receipt_digest
from .disclosure import approver

VERSION = 3
# The name of the form that `sha256_sent` and `sha256_read` are taken of; docs/proof.md says it.
CANONICAL = "second-opinion-connector/comparable-1"


class Line(Model):
    """One resource of the packet at the destination."""

    packet: str  # Type/<derived id>, as in packet.json
    there: str | None  # Type/id; Bundle/id#fullUrl; None: nothing of it stands there, or unknown
    version: str | None
    sha256_packet: str | None  # of its bytes in packet.json; None: they are part of another entry
    sha256_sent: str | None  # of the canonical form it was to arrive in; None: never written
    sha256_read: str | None  # of the canonical form that was read back
    status: Literal[
        "intended",
        "sent",
        "accepted",
        "verified",
        "form-changed",
        "precision-changed",
        "differs",
        "rejected",
        "theirs",
        "removed",
    ]
    note: str


class Place(Model):
    """One of the two ends."""

    id: str
    base_url: str
    environment: Literal["test", "production"]


class Who(Model):
    """Who sent it, and who let it leave (None: `release = "auto"`)."""

    operator: str
    approved_by: str | None


class Response(Model):
    """What the destination answered to a message (R4 MessageHeader.response)."""

    message: str  # id of our MessageHeader
    code: Literal["ok"]
    answer: str | None  # id of the answering MessageHeader


class File(Model):
    """The one file that was put into the destination's folder."""

    name: str
    sha256: str


class LogRow(Model):
    """The last row of the disclosure log when this was written."""

    row: int
    hash: str


class Receipt(Model):
    """receipt.json. docs/receipt.schema.json is made from this class."""

    version: Literal[3]
    canonical: Literal["second-opinion-connector/comparable-1"]
    case: str
    packet_hash: str
    verified_at: str
    announced_at: str | None
    update: int  # 0: the first packet
    told_at: str | None  # when this packet was announced
    kind: Kind
    response: Response | None
    file: File | None
    by: Who
    source: Place
    destination: Place
    patient: str | None
    service_request: str | None
    task: str | None
    resources: tuple[Line, ...]
    disclosure_log: LogRow
    digest: str


def receipt(session: Session, packet_hash: str, verified_at: str) -> dict[str, Any]:
    """What stands where, proved by which hashes: plain JSON values, as `Receipt` has them.

    `verified_at`: when it was read back last, UTC, ISO 8601.
    """
    there = delivery.places(session.case)
    hashes = packet.hashes(session.case)
    head = session.ledger.disclosure_head()
    values = {
        "version": VERSION,
        "canonical": CANONICAL,
        "case": session.handle,
        "packet_hash": packet_hash,
        "verified_at": verified_at,
        "announced_at": session.case.state.announced_at,
        "update": number(session.case),
        "told_at": session.case.state.told_at,
        "kind": session.kind,
        "response": session.case.state.response,
        "file": _file(session),
        "by": {"operator": session.operator, "approved_by": approver(session)},
        "source": _place(session.source),
        "destination": _place(session.settings),
        "patient": there.get(key_of(session.patient())),
        "service_request": there.get(key_of(session.authored(REQUEST))),
        "task": there.get(key_of(session.authored(TASK))),
        "resources": [
            {
                "packet": f"{row.type}/{row.id}",
                "there": there.get(f"{row.type}/{row.id}"),
                "version": row.version,
                "sha256_packet": hashes.get(f"{row.type}/{row.id}"),
                "sha256_sent": row.sent_sha256,
                "sha256_read": row.read_sha256,
                "status": row.status,
                "note": row.note,
            }
            for row in delivery.deliveries(session.case)
        ],
        "disclosure_log": {"row": head.seq, "hash": head.hash},
    }
    return receipt_digest.sealed(values)


class Signing(NamedTuple):
    """A key, and the name by which a JWKS knows it."""

    key: SigningKey
    kid: str


def signing_key(settings: ReceiptSettings) -> Signing | None:
    """The key that receipts are signed with; None if none is configured.

    `UsageError` if it can't be read: asked before anything leaves.
    """
    if settings.private_key is None:
        return None
    key = read(settings.private_key.read(), "receipt")
    return Signing(key, settings.kid or key.kid)


def signed(proof: bytes, signing: Signing) -> bytes:
    """receipt.jws: the bytes of receipt.json, signed (RFC 7515, compact)."""
    return sign(proof, signing.key, signing.kid, {"cty": "json"}).encode() + b"\n"


def _file(session: Session) -> dict[str, str] | None:
    kept = session.case.state.file
    return kept and {name: kept[name] for name in ("name", "sha256")}


def _place(settings: Any) -> dict[str, str]:
    return {
        "id": str(settings.id),
        "base_url": settings.base_url,
        "environment": settings.environment,
    }
