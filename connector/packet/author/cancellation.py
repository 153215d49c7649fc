"""The Task that asks the receiving team to stop, made from the packet's own Task."""

from ...fhir import systems
from ...fhir.ids import authored_id
from ...fhir.lossless import decode
from ...request import Request
from ...settings import Source
from ...store.mapped.packet import Entry
from ..ruleset.mappings import Mappings
from .templates import author

NAME = "CancellationTask"


def cancellation(
    task: Entry, request: Request, source: Source, mappings: Mappings, at: str
) -> Entry:
    """In packet form: its focus is `task`, who asks and who is asked are the same.

    `at`: when it was cancelled, a FHIR dateTime. Raises `ConnectorError` for a broken template.
    """
    first = decode(task.body)
    new_id = authored_id(source.id, request.request_id, task.type, NAME)
    tags = [tag for tag in first["meta"]["tag"] if tag["system"] != systems.TAG]
    names = {
        "id": new_id,
        "meta": {**first["meta"], "tag": [{"system": systems.TAG, "code": new_id}, *tags]},
        "identifier": {
            "system": systems.PLACER,
            "value": f"{source.id}/{request.request_id}/cancel",
        },
        "task": {"reference": f"{task.type}/{task.id}"},
        "subject": first["for"],
        "at": at,
        "requester": first.get("requester"),
        "owner": first.get("owner"),
    }
    made = author(NAME, mappings.templates[NAME], names)
    return Entry(0, made.type, made.id, "authored", NAME, "", made.body)
