"""Small packets by hand, and the session from which one is pushed."""

import uuid
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from connector import push
from connector.endpoint import Answer, Endpoint
from connector.fhir.ids import authored_id, derived_id
from connector.fhir.lossless import decode, encode
from connector.fhir.references import splice
from connector.fhir.systems import TAG
from connector.request import Request
from connector.settings import Destination, Source
from connector.store.case.casefile import CaseFile
from connector.store.case.state import required
from connector.store.ledger.ledger import Ledger
from connector.store.mapped import packet

SOURCE_ID = uuid.UUID("11111111-2222-4333-8444-555555555555")
DESTINATION_ID = uuid.UUID("99999999-2222-4333-8444-555555555555")
MRN = "urn:oid:1.2.36.146.595.217.0.1"
NOW = "2026-11-22T10:00:00Z"
HANDLE = "abcdef012345"

Resource = dict[str, Any]


def patient(**changes: Any) -> Resource:
    resource = {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": MRN, "value": "4711"}],
        "name": [{"use": "official", "family": "Müller", "given": ["Ana", "María"]}],
        "gender": "female",
        "birthDate": "1970-03-04",
        **changes,
    }
    return {name: value for name, value in resource.items() if value is not None}


def observation(number: int, **changes: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": {"text": "Glucose"},
        "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": "Encounter/e1"},
        "valueQuantity": decode(b'{"value": 1.50, "unit": "mmol/L"}'),
        **changes,
    }


def chart(observations: int = 3) -> list[Resource]:
    """A patient, a practitioner, an encounter, observations; in an order that is not theirs."""
    return [
        *(observation(number) for number in range(observations)),
        {
            "resourceType": "Encounter",
            "id": "e1",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": {"reference": "Patient/p1"},
            "participant": [{"individual": {"reference": "Practitioner/d1"}}],
        },
        {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Roe"}]},
        patient(),
    ]


def put_packet(
    case: CaseFile, records: Iterable[Resource], owner: bool = False, request_id: str = "SO-1"
) -> str:
    """Write a packet of `records` and the authored four as the map step would. Its hash."""
    records = list(records)
    local = {
        f"{r['resourceType']}/{r['id']}": f"{r['resourceType']}/{_derived(r)}" for r in records
    }
    owner_entry = f"Organization/{derived_id(SOURCE_ID, 'Organization', 'destination-owner')}"
    authored = _authored(local, owner_entry if owner else None, request_id)
    with case.commit():
        case.state.source_patient = "p1"
        case.state.owner_entry = owner_entry if owner else None
    return packet.replace_packet(
        case,
        [],
        [],
        [
            *(
                (
                    r["resourceType"],
                    _derived(r),
                    "carried",
                    f"{r['resourceType']}/{r['id']}",
                    splice(_tagged(r, _derived(r)), local.get),
                )
                for r in records
            ),
            *(
                (r["resourceType"], r["id"], "authored", r["resourceType"], _tagged(r, r["id"]))
                for r in authored
            ),
        ],
    )


def _derived(record: Resource) -> str:
    return derived_id(SOURCE_ID, record["resourceType"], record["id"])


def _tagged(resource: Resource, resource_id: str) -> bytes:
    meta = {"tag": [{"system": TAG, "code": resource_id}]}
    return encode({**resource, "id": resource_id, "meta": meta})


def _authored(local: Mapping[str, str], owner: str | None, request_id: str) -> list[Resource]:
    ids = {
        name: authored_id(SOURCE_ID, request_id, name, name)
        for name in ("Composition", "ServiceRequest", "Task", "Provenance")
    }
    subject = {"reference": local["Patient/p1"]}
    # Basic records are leaves: nothing refers to them.
    everything = [{"reference": key} for key in local.values() if not key.startswith("Basic/")]
    composition: Resource = {
        "status": "final",
        "type": {"text": "Summary"},
        "subject": subject,
        "date": NOW,
        "title": "Records for a second opinion",
        "author": [{"display": "Records office"}],
        "section": [{"title": "Results", "entry": everything}],
    }
    request: Resource = {
        "status": "draft",
        "intent": "order",
        "subject": subject,
        "supportingInfo": [{"reference": f"Composition/{ids['Composition']}"}],
    }
    task: Resource = {
        "status": "draft",
        "businessStatus": {"text": "Service Request Created"},
        "intent": "order",
        "focus": {"reference": f"ServiceRequest/{ids['ServiceRequest']}"},
        "for": subject,
        "authoredOn": NOW,
        **({"owner": {"reference": owner}} if owner else {}),
    }
    provenance: Resource = {
        "recorded": NOW,
        "agent": [{"who": {"display": "Records office"}}],
        "target": [*everything, {"reference": f"Task/{ids['Task']}"}],
    }
    bodies = {
        "Composition": composition,
        "ServiceRequest": request,
        "Task": task,
        "Provenance": provenance,
    }
    return [{"resourceType": name, "id": ids[name], **body} for name, body in bodies.items()]


class EndpointClass(Protocol):
    def __call__(self, settings: Destination, role: Any) -> Endpoint: ...


def open_session(
    folder: Path,
    base_url: str,
    *,
    request: Mapping[str, Any] | None = None,
    endpoint: EndpointClass = Endpoint,
    handle: str = HANDLE,
    **destination: Any,
) -> push.Session:
    """A session over the case in `folder`: this process becomes its one writer."""
    settings = Destination.model_validate(
        {
            "id": DESTINATION_ID,
            "base_url": base_url,
            "environment": "test",
            "backoff_s": 0,
            "search_lag_s": 0,
            "new_patient": "create",
            "release": "auto",
            **destination,
        }
    )
    source = Source(id=SOURCE_ID, base_url="http://127.0.0.1:1/fhir", environment="test")
    asked = Request.model_validate(
        {
            "request_id": "SO-1",
            "patient": {"id": "p1"},
            "key_question": "treatment",
            "question": "Surgery or not?",
            "source": "home",
            "destination": "outside",
            "needed_by": "2099-01-01",
            **(request or {}),
        }
    )
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}", folder / "ledger.key")
    fence = ledger.take(handle, str(SOURCE_ID), str(DESTINATION_ID), "2099-01-01")
    return push.Session(
        case=CaseFile.open(folder / handle),
        ledger=ledger,
        handle=handle,
        fence=fence,
        opens=partial(_same, endpoint(settings, "destination")),
        settings=settings,
        request=asked,
        source=source,
        operator="records-office",
    )


def _same(endpoint: Endpoint) -> Endpoint:
    return endpoint


def push_all(session: push.Session, now: str = NOW) -> dict[str, Any]:
    """Every step of the push, in order. The receipt."""
    push.resolve(session)
    push.deliver(session)
    push.read_back(session)
    push.announce(session, now)
    return push.receipt(session, required(session.case.state.packet_hash), now)


class AsBatch(Endpoint):
    """A server whose transactions do not hold together: each entry is carried out alone."""

    def write(self, method: str, url: str, body: bytes, *rest: Any, **named: Any) -> Answer:
        return super().write(
            method, url, body.replace(b'"type":"transaction"', b'"type":"batch"', 1), *rest, **named
        )
