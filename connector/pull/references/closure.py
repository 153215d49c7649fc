"""References followed to their end: what the chart's records refer to belongs to the chart.

`target` holds one row for each reference as written, and one for each `Type/id` it comes to; the
latter are what is read. A record that is not the patient's own (a Practitioner that came with
`$everything`, say) is walked only once something refers to it; what nothing refers to goes.
"""

from collections.abc import Callable, Iterable, Iterator

from ...fhir import references
from ...fhir.attachments import attachments as attachments_of
from ...fhir.lossless import members
from ...fhir.references import Kind, parse
from ...store.pulled import attachments, chart, targets
from ..compartment import OWN_TYPES
from ..context import Gathering, Pull
from .targets import resolve_open

_BATCH = 500  # records walked in one transaction


def close(pull: Pull) -> None:
    """Follow every reference of every record not walked yet, and of those that brings, to the end.

    Raises `Waiting` or `SourceFailed`; another run goes on from the rows.
    """
    follow(pull, lambda: resolve_open(pull))


def follow(pull: Gathering, resolve: Callable[[], bool]) -> None:
    """Walk the records and let `resolve` settle what they refer to, until it finds no more."""
    _walk(pull)
    while resolve():
        _walk(pull)


def forget_unreached(pull: Gathering) -> None:
    """Drop the records that are neither the patient's own nor referred to by the chart."""
    with pull.case.commit():
        targets.drop_unreached(pull.case, OWN_TYPES)


def _walk(pull: Gathering) -> None:
    bases = pull.bases()
    while keys := targets.unwalked(pull.case, OWN_TYPES, _BATCH):
        named: set[targets.Target] = set()
        addresses: set[attachments.Address] = set()
        for resource_type, resource_id in keys:
            record = chart.record(pull.case, resource_type, resource_id)
            assert record is not None
            named.update(_targets(pull, resource_type, record.body, bases))
            addresses.update(
                (attachment["url"], resource_type, resource_id)
                for attachment in attachments_of(record.body)
                if "data" not in attachment
            )
        with pull.case.commit():
            targets.add(pull.case, named)
            attachments.add(pull.case, addresses)
            targets.walked(pull.case, keys)


def _targets(
    pull: Gathering, resource_type: str, body: bytes, bases: tuple[str, ...]
) -> Iterator[tuple[str, str, str]]:
    """The rows of `target` that a record asks for: (reference, type, id)."""
    for reference in _references(resource_type, body):
        target = parse(reference, *bases)
        if target.kind is Kind.CONTAINED or target.type in pull.never_types:
            continue
        yield reference, target.type, target.id
        if target.kind is Kind.LOCAL and target.local != reference:
            yield target.local, target.type, target.id


def _references(resource_type: str, body: bytes) -> Iterable[str]:
    body = references.plain_names(body)
    parts: Iterable[bytes] = (body,)
    if resource_type == "Provenance":
        # Its targets are what it is about, and may be other patients' records: they were the
        # way to it, not a way on.
        parts = (bytes(value) for name, value in members(body).items() if name != "target")
    return {span.value for part in parts for span in references.spans(part)}
