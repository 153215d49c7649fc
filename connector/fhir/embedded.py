"""What a document says of whose it is: is it of other people than the patient? Pure.

An attachment, or the data of a Binary, may be a resource or a Bundle, a CDA document, an HL7 v2
message (`recordtarget`). A Bundle made elsewhere calls
the patient by ids of its own: whom it means is told by the Patient in it, as with contained ones.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from . import base64binary
from .lossless import UndecodableError, decode, encode
from .recordtarget import may_name_people, patients
from .references import tidy
from .subject import Person
from .whose import Whose

_DEPTH_MAX = 4  # of documents in one another
BLANK = b"\xef\xbb\xbf \t\r\n"
_AGAINST = frozenset({Whose.STRANGER, Whose.SEVERAL, Whose.OTHERWISE})


class _Held(NamedTuple):
    full_url: str
    resource: dict[str, Any]


def names_another(content: bytes, person: Person, depth: int = 0) -> bool:
    """Whether `content` is FHIR, CDA or HL7 v2 that is about anybody but `person`."""
    if may_name_people(content) and depth <= _DEPTH_MAX:
        return not all(_judged(patient, person) for patient in patients(content))
    text = content.lstrip(BLANK)
    if text[:1] not in (b"{", b"[") or depth > _DEPTH_MAX:
        return False
    found = [held for value in _values(text) for held in _held(value)]
    named = [(one, _judged(one.resource, person)) for one in found if _type(one) == "Patient"]
    if any(not own for _, own in named):
        return True
    ours = [name for one, _ in named for name in _names(one)]
    known = replace(person, names=person.names | frozenset(map(tidy, ours)))
    return any(
        known.whose(encode(one.resource)) in _AGAINST
        or any(names_another(data, known, depth + 1) for data in _documents(one.resource))
        for one in found
        if _type(one) != "Patient"
    )


def documents(resource: Any) -> Iterator[tuple[str, str]]:
    """Path and text of everything in a decoded resource that is `data` of an element."""
    stack: list[tuple[str, Any]] = [("", resource)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, list):
            stack += [(path, item) for item in node]
        elif isinstance(node, dict):
            if isinstance(node.get("data"), str):
                yield path, node["data"]
            stack += [(f"{path}.{name}".lstrip("."), child) for name, child in node.items()]


def _documents(resource: dict[str, Any]) -> Iterator[bytes]:
    for _, data in documents(resource):
        if (content := base64binary.content(data)) is not None:
            yield content


def _values(text: bytes) -> Iterator[Any]:
    for part in (text, *text.splitlines()):  # one value, else NDJSON
        try:
            yield decode(part)
        except UndecodableError:
            continue
        if part is text:
            return


def may_say_whose(head: bytes) -> bool:
    """Whether what begins so may be of a form that says whose it is."""
    return head.lstrip(BLANK)[:1] in (b"{", b"[") or may_name_people(head)


def _held(value: Any, full_url: str = "") -> Iterator[_Held]:
    """The resources in a value, however wrapped; what is contained in one belongs to that."""
    if isinstance(value, list):
        for item in value:
            yield from _held(item)
    elif isinstance(value, dict):
        kind = value.get("resourceType")
        if isinstance(kind, str) and kind not in ("Bundle", "Parameters"):
            yield _Held(full_url, value)
            return
        said = value.get("fullUrl")
        for child in value.values():
            yield from _held(child, said if isinstance(said, str) else "")


def _type(held: _Held) -> str:
    return str(held.resource["resourceType"])


def _names(held: _Held) -> list[str]:
    id_ = held.resource.get("id")
    local = [f"Patient/{id_}", f"urn:uuid:{id_}"] if isinstance(id_, str) else []
    return [*local, *([held.full_url] if held.full_url else [])]


def _judged(patient: dict[str, Any], person: Person) -> bool:
    """Whether a Patient is ours: by what it says of them, else by its id."""
    said = set(person.of_patient(patient))
    if said & _AGAINST:
        return False
    born = patient.get("birthDate")
    alike = Whose.OWN in said or (bool(person.birth_date) and born == person.birth_date)
    return alike or patient.get("id") in (None, person.id)
