"""What a particular server does differently: data, read by the rooms it concerns."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from connector.fhir.lossless import encode
from connector.sandbox.bulk import BulkQuirks
from connector.sandbox.outcome import Refusal, Resource


@dataclass(frozen=True)
class Quirks:
    """The differences from a plain HAPI FHIR server; the defaults are the plain server.

    `types` are the resource types declared (None: all the sandbox knows); a request for another is
    answered 404. `drop_elements` names top-level elements (`note`, or `Condition.note`) a write
    loses without a word. `reject` is a regular expression: a resource whose JSON it finds is
    refused with 422. Limits: `page_max` matches a page, `entry_limit` entries a bundle,
    `body_limit` bytes a request (beyond either of the last two: 413).
    """

    types: frozenset[str] | None = None
    everything: bool = True
    transactions: bool = True
    integrity: bool = True  # False: dangling, external and urn references are stored as they are
    unknown_parameter: Literal["ignore", "refuse"] = "ignore"  # HAPI's own default is to refuse
    stale_status: int = 409  # a stale If-Match: HAPI says 409, the standard 412
    page_links: Literal["base", "typed", "relative"] = "base"
    page_max: int = 200
    entry_limit: int | None = None
    body_limit: int = 100_000_000
    round_decimals: bool = False  # 1.50 is stored as 1.5
    change_digit: bool = False  # 1.50 is stored as 1.51
    drop_elements: frozenset[str] = frozenset()
    reject: str | None = None
    bulk: BulkQuirks | None = None  # None: no exports


def edited(quirks: Quirks, resource: Resource) -> Resource:
    """The resource as this server would store it. Raises `Refusal` when it will not have it."""
    if quirks.reject is not None and re.search(quirks.reject, encode(resource).decode()):
        raise Refusal(422, "processing", "The resource breaks a rule of this server")
    name = resource["resourceType"]
    kept = {
        element: value
        for element, value in resource.items()
        if not quirks.drop_elements & {element, f"{name}.{element}"}
    }
    return _decimals(quirks, kept) if quirks.round_decimals or quirks.change_digit else kept


def _decimals(quirks: Quirks, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _decimals(quirks, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decimals(quirks, item) for item in value]
    if not isinstance(value, Decimal):
        return value
    if quirks.change_digit:
        value += Decimal(f"1E{value.as_tuple().exponent}")
    # Formatting keeps normalize() from turning 100.0 into 1E+2.
    return Decimal(f"{value.normalize():f}") if quirks.round_decimals else value
