"""The code systems and identifier systems the product writes, each with where it is defined.

Our own systems are OIDs under 2.25 (ITU-T X.667: a UUID is an OID without asking anyone), since
a FHIR code system may be named by a `urn:oid` and we own no web address to publish one at.
"""

import uuid

_OURS = uuid.UUID("8d0f3a52-6d55-4f0c-9a3b-5c1f5d0b7e21")


def _own(name: str) -> str:
    return f"urn:oid:2.25.{uuid.uuid5(_OURS, name).int}"


TAG = _own("meta-tag")  # meta.tag: code = derived id; keys every conditional write
RUN = _own("test-run")  # meta.tag on authored resources in a test environment
KEY_QUESTION = _own("key-question")  # diagnosis | treatment | prognosis
TASK_INPUT = _own("task-input")  # mode | hinge-item | missing-item | sent-separately | question
PLACER = _own("placer-identifier")  # system of the PLAC identifier when the source has none

ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
NPI = "http://hl7.org/fhir/sid/us-npi"
_NPI_NAMES = frozenset({NPI, "urn:oid:2.16.840.1.113883.4.6", "2.16.840.1.113883.4.6"})
URI = "urn:ietf:rfc:3986"  # identifier-registry: the value is a URI


def is_npi(system: object) -> bool:
    """Whether a system is that of US National Provider Identifiers, by its URL or its OID."""
    if not isinstance(system, str):
        return False
    plain = system.strip().rstrip("/").replace("https://", "http://", 1)
    return plain in _NPI_NAMES
