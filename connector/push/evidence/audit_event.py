"""An AuditEvent for each row of the disclosure log that is about this case, beside the case file.

IHE BALP, `IHE.BasicAudit.PrivacyDisclosure.Source`: for an audit repository, and for whoever has to
account for disclosures of one patient. `audit.ndjson` follows the log and can always catch up.
"""

from typing import Any

from ...errors import ConnectorError
from ...fhir.gate import check
from ...fhir.ids import authored_id
from ...fhir.lossless import encode
from ...fhir.systems import ACT_REASON
from ...store.audit import audit_ndjson
from ...store.audit.audit_check import seal
from ...store.audit.disclosures import Row
from ..session import REQUEST, Session

PROFILE = (
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PrivacyDisclosure.Source"
)
_TERMS = "http://terminology.hl7.org/CodeSystem"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
# R4 audit-event-outcome: 0 success, 4 minor failure, 8 serious failure.
_OUTCOME = {"attempted": "0", "verified": "0", "accepted": "0", "partial": "4", "differs": "8"}
_PURPOSE = {"treatment": "TREAT", "patient-authorization": "PATRQT"}
_URI = "5"  # R4 network-type


def keep_up(session: Session) -> None:
    """Append an AuditEvent for each row of this case that audit.ndjson does not hold yet."""
    last = audit_ndjson.last(session.case.folder)
    for row in session.ledger.disclosures(session.handle, after=last.seq if last else 0):
        event = audit_event(session, row)
        if findings := check(event):
            raise ConnectorError(f"internal: an AuditEvent is not valid: {'; '.join(findings[:5])}")
        audit_ndjson.append(session.case.folder, seal(session.ledger.keyed, encode(event)))


def audit_event(session: Session, row: Row) -> dict[str, Any]:
    """The AuditEvent of one row: the same id and content whenever it is made."""
    name = f"{row.seq} {row.hash}"
    us = _party(str(session.source.id), "second-opinion connector")
    return {
        "resourceType": "AuditEvent",
        "id": authored_id(session.source.id, session.request.request_id, "AuditEvent", name),
        **_kind(session, row),
        "recorded": row.at,
        "outcome": _OUTCOME[row.outcome],
        "outcomeDesc": f"{row.event}: {row.outcome}",
        "purposeOfEvent": [{"coding": [{"system": ACT_REASON, "code": _PURPOSE[row.basis]}]}],
        "agent": [
            _agent(
                _DICOM, "110153", us, session.source.base_url or f"urn:uuid:{session.source.id}"
            ),
            _agent(
                _DICOM,
                "110152",
                _party(row.destination_id, "second-opinion destination"),
                session.settings.base_url or f"urn:uuid:{session.settings.id}",
            ),
            *_people(session, row),
        ],
        "source": {"observer": us},
        "entity": [
            {
                "what": {"reference": _patient(session)},
                "type": {"system": f"{_TERMS}/audit-entity-type", "code": "1"},
                "role": {"system": f"{_TERMS}/object-role", "code": "1"},
            },
            {
                "what": {"reference": f"urn:uuid:{_order(session)}", "type": REQUEST},
                "type": {"system": f"{_TERMS}/audit-entity-type", "code": "2"},
                "role": {"system": f"{_TERMS}/object-role", "code": "4"},
                "detail": _details(session, row),
            },
        ],
    }


def _kind(session: Session, row: Row) -> dict[str, Any]:
    """Looking for the patient is a query, without a profile: one row stands for several requests,
    and BALP's profiles are for one each, with the query itself.
    """
    if row.event == "look-up":
        query = {"system": _DICOM, "code": "110112", "display": "Query"}
        label = _label(session)
        return {**({"meta": label} if label else {}), "type": query, "action": "E"}
    return {
        "meta": {"profile": [PROFILE], **_label(session)},
        "type": {"system": _DICOM, "code": "110106", "display": "Export"},
        "subtype": [{"system": f"{_TERMS}/iso-21089-lifecycle", "code": "disclose"}],
        "action": "R",
    }


def _details(session: Session, row: Row) -> list[dict[str, str]]:
    values = {
        "case": session.handle,
        "packet-hash": str(session.case.state.packet_hash),
        "resources": str(row.resources),
        "rejected": str(row.rejected),
        **audit_ndjson.as_details(row),
    }
    return [{"type": name, "valueString": value} for name, value in values.items()]


def _people(session: Session, row: Row) -> list[dict[str, Any]]:
    """Who ran this; who let it leave; for whom the authorization stands."""
    operator = {"display": row.operator}
    people = [_agent(f"{_TERMS}/extra-security-role-type", "humanuser", operator, requestor=True)]
    if row.approver:
        people.append(_agent("http://snomed.info/sct", "159541003", {"display": row.approver}))
    if row.basis == "patient-authorization":
        who = {"reference": _patient(session)}
        people.append(_agent("http://snomed.info/sct", "429577009", who))
    return people


def _agent(
    system: str, code: str, who: dict[str, Any], network: str = "", requestor: bool = False
) -> dict[str, Any]:
    agent = {
        "type": {"coding": [{"system": system, "code": code}]},
        "who": who,
        "requestor": requestor,
    }
    return {**agent, "network": {"address": network, "type": _URI}} if network else agent


def _party(endpoint_id: str, display: str) -> dict[str, Any]:
    value = f"urn:uuid:{endpoint_id}"
    return {"identifier": {"system": "urn:ietf:rfc:3986", "value": value}, "display": display}


def _order(session: Session) -> str:
    return authored_id(session.source.id, session.request.request_id, REQUEST, REQUEST)


def _patient(session: Session) -> str:
    """The patient as the source knows them."""
    reference = f"Patient/{session.source_patient()}"
    return f"{session.source.base_url}/{reference}" if session.source.base_url else reference


def _label(session: Session) -> dict[str, Any]:
    if session.settings.environment != "test":
        return {}
    return {"security": [{"system": ACT_REASON, "code": "HTEST"}]}
