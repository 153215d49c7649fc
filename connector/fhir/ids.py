"""Ids as R4 has them, and derived ones: one record of one source has the same in every packet."""

import re
import uuid

FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")  # datatypes.html#id


def derived_id(source_id: uuid.UUID, resource_type: str, resource_id: str) -> str:
    """Id of a carried record or shared actor: UUIDv5 in the namespace of the source.

    No case in it, so that a second case of the same patient does not double the chart.
    """
    return str(uuid.uuid5(source_id, f"{resource_type}/{resource_id}"))


def authored_id(source_id: uuid.UUID, request_id: str, resource_type: str, name: str) -> str:
    """Id of a resource written for one case (`name` tells two of one type apart)."""
    case = uuid.uuid5(source_id, f"case/{request_id}")
    return str(uuid.uuid5(case, f"{resource_type}/{name}"))


def case_handle(source_id: uuid.UUID, request_id: str) -> str:
    """The name of a case in folders, logs and the ledger: 12 hex digits that tell nothing."""
    return uuid.uuid5(source_id, f"case/{request_id}").hex[:12]
