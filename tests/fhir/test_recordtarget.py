"""A document of another person is told by what it says itself: CDA, FHIR in XML, HL7 v2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.fhir.embedded import may_say_whose, names_another
from connector.fhir.lossless import encode
from connector.fhir.recordtarget import patients
from connector.fhir.subject import person

ANN = person(
    encode({
        "resourceType": "Patient", "id": "ann", "birthDate": "1980-05-06", "gender": "female",
        "name": [{"family": "Tester", "given": ["Ann"]}],
        "identifier": [{"system": "urn:oid:1.2.3", "value": "M1"}],
    }),
    None,
)  # fmt: skip


def cda(name: str, born: str, number: str = "", root: str = "9.9") -> bytes:
    given_name, _, family = name.partition(" ")
    return f"""<?xml version="1.0"?><!-- made by hand -->
<ClinicalDocument xmlns="urn:hl7-org:v3"><recordTarget><patientRole>
<id root="{root}" extension="{number}"/><id nullFlavor="UNK"/>
<patient><name use="L"><given>{given_name}</given><family>{family}</family></name>
<administrativeGenderCode code="F"/><birthTime value="{born}"/></patient>
<providerOrganization><id root="1.2.3" extension="house"/></providerOrganization>
</patientRole></recordTarget><component><structuredBody/></component></ClinicalDocument>
""".encode()


def fhir(name: str, born: str) -> bytes:
    given_name, _, family = name.partition(" ")
    return f"""<Bundle xmlns="http://hl7.org/fhir"><entry><resource><Patient><id value="x"/>
<name><family value="{family}"/><given value="{given_name}"/></name><birthDate value="{born}"/>
</Patient></resource></entry></Bundle>""".encode()


def v2(name: str, born: str, number: str = "", root: str = "9.9") -> bytes:
    given_name, _, family = name.partition(" ")
    pid = f"PID|1||{number}^^^H&{root}&ISO^MR||{family}^{given_name}^B||{born}|F"
    return f"\x0bMSH|^~\\&|LAB|H|X|Y|20260901||ORU^R01|1|P|2.5\r{pid}\rOBX|1|TX|||x\r".encode()


@pytest.mark.parametrize(
    ("document", "another"),
    [
        (cda("Ann Tester", "19800506"), False),
        (cda("ANN Maiden", "198005061200-0500"), False),  # the same person under another name
        (cda("Bob Other", "19500101"), True),
        (cda("Bob Other", "19800506"), True),  # many are born on one day
        (cda("Bob Other", ""), True),
        (cda("Ann Tester", "19500101"), True),
        (cda("Ann Tester", "", "M1", "1.2.3"), False),
        (cda("Ann Tester", "19800506", "M2", "1.2.3"), True),
        (fhir("Ann Tester", "1980-05-06"), False),
        (fhir("Bob Other", "1950-01-01"), True),
        (v2("ANN TESTER", "19800506"), False),
        (v2("BOB OTHER", "19500101103000"), True),
        (v2("ANN TESTER", "19800506", "M2", "1.2.3"), True),
        (v2("ANN TESTER", "19800506") + v2("BOB OTHER", "19500101")[1:], True),
        (v2("ANN TESTER", "19800506").replace(b"|", b"#"), False),
        (b"<html><body>Bob Other</body></html>", False),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', False),
        # broken behind the header; one that declares entities is not opened
        (cda("Bob Other", "19500101")[:-40], True),
        (b'<!DOCTYPE x [<!ENTITY a "b">]>' + cda("Bob Other", "19500101")[21:], False),
        (encode({"resourceType": "Binary", "data": "PGh0bWwvPg=="}), False),
    ],
)
def test_another_person_is_told_by_number_or_by_name_and_birth_date(
    document: bytes, another: bool
) -> None:
    assert may_say_whose(document[:4096])
    assert names_another(document, ANN) is another


@given(st.binary(max_size=60), st.sampled_from([cda, v2, fhir]), st.integers(0, 500))
def test_whatever_is_in_it_is_read_without_an_error(noise: bytes, form: object, at: int) -> None:
    whole = form("Ann Tester", "19800506")  # type: ignore[operator]
    assert isinstance(patients(whole[:at] + noise + whole[at:]), list)
