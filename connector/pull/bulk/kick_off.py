"""Which bulk export is of one patient only, and the request that starts it.

Bulk Data Access (hl7.org/fhir/uv/bulkdata/export.html): `Patient/$export` without more is an
export of everybody. A server may ignore a parameter that it doesn't know, so one is only used
where the server's own OperationDefinition lists it.
"""

from typing import NamedTuple
from urllib.parse import quote

from ...endpoint import Endpoint
from ...errors import EndpointError, SourceFailed
from ...fhir.lossless import UndecodableError, decode, encode
from ..context import Pull

_HL7 = ("http://hl7.org/", "https://hl7.org/")


class Start(NamedTuple):
    """The kick-off request. An empty `body`: a GET."""

    url: str
    body: bytes
    why: str


def start(pull: Pull) -> Start:
    """The kick-off for this patient alone. `SourceFailed` if there is none that is sure."""
    if pull.settings.bulk_group is not None:
        url = f"Group/{quote(pull.settings.bulk_group)}/$export"
        return Start(url, b"", "the Group named in the configuration")
    instance, parameter = _offered(pull.source, pull.capability.export)
    patient = quote(pull.patient_id)
    if instance:
        return Start(f"Patient/{patient}/$export", b"", "an export of one patient is offered")
    if parameter:
        value = {"reference": f"Patient/{pull.patient_id}"}
        body = {
            "resourceType": "Parameters",
            "parameter": [{"name": "patient", "valueReference": value}],
        }
        return Start("Patient/$export", encode(body), "the parameter `patient` is declared")
    raise SourceFailed(
        "the source doesn't say that it can export one patient alone",
        'Set pull = "search", or bulk_group: a Group at the source that holds this patient only.',
    )


def _offered(source: Endpoint, definition: str) -> tuple[bool, bool]:
    """Whether one Patient can be exported by path, and whether by the parameter `patient`.

    Said by the server's own OperationDefinition only: HL7's lists the parameter for all servers.
    It is read below our base: behind a proxy a server may call it by another host (HAPI does).
    """
    base, _, name = definition.rpartition("/OperationDefinition/")
    if not name or base.startswith(_HL7):
        return False, False
    try:
        operation = decode(
            source.get(f"OperationDefinition/{quote(name)}", "definition of $export").body
        )
        listed = operation.get("parameter") or []
        named = any(p.get("name") == "patient" and p.get("use") == "in" for p in listed)
    except (EndpointError, UndecodableError, AttributeError):
        return False, False
    # One definition for Group and Patient doesn't say whose instances it means (HAPI 8.8).
    return operation.get("instance") is True and operation.get("resource") == ["Patient"], named
