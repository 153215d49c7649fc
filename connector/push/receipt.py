"""The receipt: proof of arrival, resource by resource, without clinical content."""

from typing import Any

from ..store import delivery
from .desk import REQUEST, TASK, Desk, key_of


def receipt(desk: Desk, packet_hash: str, verified_at: str) -> dict[str, Any]:
    """What stands where, proved by which hashes: plain JSON values.

    `resources`: `packet` (`Type/<derived id>`), `there` (`Type/id`, None if rejected), `version`,
    `sha256_sent` and `sha256_read` (of the canonical form, docs/architecture.md; None for the
    destination's own Patient, which was compared and not written), `status`, `note`.
    `verified_at`: UTC, ISO 8601.
    """
    there = delivery.id_map(desk.case)
    return {
        "version": 1,
        "case": desk.handle,
        "packet_hash": packet_hash,
        "verified_at": verified_at,
        "announced_at": desk.case.fact("announced_at"),
        "source": str(desk.source.id),
        "destination": {"id": str(desk.settings.id), "base_url": desk.settings.base_url},
        "patient": there.get(key_of(desk.patient())),
        "service_request": there.get(key_of(desk.authored(REQUEST))),
        "task": there.get(key_of(desk.authored(TASK))),
        "resources": [
            {
                "packet": f"{row.type}/{row.id}",
                "there": there.get(f"{row.type}/{row.id}"),
                "version": row.version,
                "sha256_sent": row.sent_sha256,
                "sha256_read": row.read_sha256,
                "status": row.status,
                "note": row.note,
            }
            for row in delivery.deliveries(desk.case)
        ],
    }
