"""Whom a document that is no FHIR JSON says it is about: CDA, FHIR in XML, HL7 v2. Pure.

Each patient that it names comes as a FHIR Patient with what tells people apart: `identifier`,
`name`, `birthDate`, `gender`. CDA R2: ClinicalDocument/recordTarget/patientRole. HL7 v2: the PID
segment, fields 3, 5, 7 and 8 (ch. 3). What can't be read names nobody.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

Patient = dict[str, Any]

_CDA, _FHIR = "{urn:hl7-org:v3}", "{http://hl7.org/fhir}"
_BLANK = b"\xef\xbb\xbf \t\r\n\x0b"  # HL7 v2 in its frame (MLLP) begins with a vertical tab
_V2 = re.compile(rb"(MSH|FHS|BHS)[^\w\s]")
_GENDERS = {"F": "female", "M": "male"}


def may_name_people(head: bytes) -> bool:
    """Whether what begins so is of a form that is read here."""
    text = head.lstrip(_BLANK)
    return text[:1] == b"<" or _V2.match(text) is not None


def patients(content: bytes) -> list[Patient]:
    """The patients that a document names as those it is about; none if it is of another form."""
    text = content.lstrip(_BLANK)
    if _V2.match(text):
        return list(_of_segments(text.decode("utf-8", "replace")))
    # A document type may declare entities, which are made to be expanded: neither form has one.
    if text[:1] != b"<" or b"<!DOCTYPE" in text:
        return []
    found: list[Patient] = []
    try:
        for patient in _of_elements(text):
            found.append(patient)
    except (ElementTree.ParseError, ValueError, RecursionError):
        pass  # of what is broken, what stands before the break
    return found


def _of_elements(text: bytes) -> Iterator[Patient]:
    depth = 0
    for event, node in ElementTree.iterparse(BytesIO(text), ("start", "end")):  # noqa: S314 - above
        depth += 1 if event == "start" else -1
        if event == "start":
            if depth == 1 and not node.tag.startswith((_CDA, _FHIR)):
                return
            if node.tag == f"{_CDA}component":
                return  # the header is over: whom it is about stands there
        elif node.tag == f"{_CDA}patientRole":
            yield _of_role(node)
        elif node.tag == f"{_FHIR}Patient":
            yield _of_patient(node)
        elif node.tag == f"{_FHIR}entry":
            node.clear()


def _of_role(role: ElementTree.Element) -> Patient:
    person = role.find(f"{_CDA}patient")
    ids = [
        (f"urn:oid:{id_.get('root')}", id_.get("extension")) for id_ in role.findall(f"{_CDA}id")
    ]
    names = [] if person is None else person.findall(f"{_CDA}name")
    return _patient(
        [(system, value) for system, value in ids if value],
        [_name(_CDA, name, lambda part: part.text) for name in names],
        _coded(person, "birthTime", "value"),
        _GENDERS.get(_coded(person, "administrativeGenderCode", "code"), ""),
    )


def _of_patient(patient: ElementTree.Element) -> Patient:
    pairs = [
        (_value(each, "system"), _value(each, "value"))
        for each in patient.findall(f"{_FHIR}identifier")
    ]
    names = [
        _name(_FHIR, name, lambda part: part.get("value"))
        for name in patient.findall(f"{_FHIR}name")
    ]
    found = _patient(pairs, names, _value(patient, "birthDate"), _value(patient, "gender"))
    id_ = _value(patient, "id")
    return found | ({"id": id_} if id_ else {})


def _of_segments(text: str) -> Iterator[Patient]:
    field, component, repeated = "|", "^", "~"
    for line in re.split(r"[\r\n]+", text):
        if line[:3] in ("MSH", "FHS", "BHS") and len(line) > 5:
            field, component, repeated = line[3], line[4], line[5]
        elif line.startswith(f"PID{field}"):
            fields = [*line.split(field), *[""] * 9]
            ids = (each.split(component) for each in fields[3].split(repeated))
            names = (each.split(component) for each in fields[5].split(repeated))
            yield _patient(
                [pair for each in ids for pair in _assigned(each)],
                [{"family": each[0], "given": each[1:3]} for each in names],
                fields[7],
                _GENDERS.get(fields[8], ""),
            )


def _assigned(parts: list[str]) -> Iterator[tuple[str, str]]:
    """An identifier (CX) whose authority has an OID; `&` parts the authority (HD)."""
    authority = (parts[3] if len(parts) > 3 else "").split("&")
    if authority[2:3] == ["ISO"]:
        yield f"urn:oid:{authority[1]}", parts[0]


def _patient(
    identifiers: list[tuple[str, str]], names: list[Patient], born: str, gender: str
) -> Patient:
    stamp = re.match(r"(\d{4})-?(\d\d)-?(\d\d)", born)
    return {
        "resourceType": "Patient",
        "identifier": [{"system": system, "value": value} for system, value in identifiers],
        "name": names,
        **({"birthDate": "-".join(stamp.groups())} if stamp else {}),
        **({"gender": gender} if gender else {}),
    }


def _name(space: str, name: ElementTree.Element, said: Any) -> Patient:
    family, *_ = [*(said(part) for part in name.findall(f"{space}family")), None]
    given = [said(part) for part in name.findall(f"{space}given")]
    whole = " ".join(name.itertext()) if space == _CDA else _value(name, "text")
    return {"family": family, "given": [text for text in given if text], "text": whole}


def _coded(node: ElementTree.Element | None, name: str, attribute: str) -> str:
    found = None if node is None else node.find(f"{_CDA}{name}")
    return "" if found is None else found.get(attribute) or ""


def _value(node: ElementTree.Element, name: str) -> str:
    found = node.find(f"{_FHIR}{name}")
    return "" if found is None else found.get("value") or ""
