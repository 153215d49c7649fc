"""A FHIR document that is kept as one resource (R4 documents.html): whose it is, what is in it.

Pure. Its Composition says whose, by a reference that the Bundle resolves first
(bundle.html#references): only what leads to our patient by the server's id, or by an identifier
that they carry, proves it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from . import base64binary
from .embedded import BLANK, documents, names_another
from .lossless import UndecodableError, decode
from .references import literal, same_base
from .salvage import deeper_than
from .shapes import as_dict, as_text, dicts
from .subject import Person
from .whose import Whose

_DEPTH_MAX = 100  # of objects and lists in one another
_INSIDE_MAX = 4  # of documents in one another
_WRAPS = ("Bundle", "Parameters")
_AGAINST = frozenset({Whose.STRANGER, Whose.SEVERAL, Whose.OTHERWISE})


class Opened(NamedTuple):
    """What stands in a content: `resources` with the fullUrl of each, and the Bundles around."""

    resources: list[tuple[str, dict[str, Any]]]
    around: list[dict[str, Any]]


def opened(content: bytes, depth: int = 0) -> Opened | None:
    """What stands in a content that is FHIR JSON, and in documents in that; None: it is not."""
    if content.lstrip(BLANK)[:1] not in (b"{", b"[") or b'"resourceType"' not in content:
        return None
    if depth > _INSIDE_MAX or deeper_than(content, _DEPTH_MAX):
        return None
    try:
        value = decode(content)
    except UndecodableError:
        return None
    found = Opened([], [])
    for url, resource in _walked(value, found.around):
        found.resources.append((url, resource))
        for _, data in documents(resource):
            held = base64binary.content(data)
            if held is not None and (inner := opened(held, depth + 1)):
                found.resources.extend(inner.resources)
                found.around.extend(inner.around)
    return found


def _walked(value: Any, around: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        url, node = stack.pop()
        if isinstance(node, list):
            stack += [(url, item) for item in reversed(node)]
        elif isinstance(node, dict):
            kind = node.get("resourceType")
            if isinstance(kind, str) and kind not in _WRAPS:
                yield url, node
                continue
            if kind in _WRAPS:
                around.append({"resourceType": kind, "meta": node.get("meta")})
            said = as_text(node.get("fullUrl"))
            stack += [(said, child) for child in reversed(node.values())]


def is_of(content: bytes, person: Person) -> bool:
    """Whether `content` is a Bundle of type `document` about `person`, and about nobody else."""
    if b'"document"' not in content or deeper_than(content, _DEPTH_MAX):
        return False
    try:
        bundle = as_dict(decode(content))
    except UndecodableError:
        return False
    if (bundle.get("resourceType"), bundle.get("type")) != ("Bundle", "document"):
        return False
    entries = dicts(bundle.get("entry"))
    composition = as_dict(entries[0].get("resource")) if entries else {}
    subject = composition.get("subject")
    if composition.get("resourceType") != "Composition" or not isinstance(subject, dict):
        return False
    about = _is_about(subject, as_text(entries[0].get("fullUrl")), entries, person)
    return about and not names_another(content, person)


def _is_about(
    subject: dict[str, Any], at: str, entries: list[dict[str, Any]], person: Person
) -> bool:
    """Whether a Composition's subject is our patient. `at`: the fullUrl of the Composition."""
    written = as_text(subject.get("reference"))
    meant = _absolute(written, at)
    beside = set(person.of_reference({**subject, "reference": ""}))
    said = set(person.of_reference(meant)) if meant else set()
    inside = [
        as_dict(entry.get("resource"))
        for entry in entries
        if written and entry.get("fullUrl") in (written, meant)
    ]
    for one in inside:
        of_patient = set(person.of_patient(one)) if one.get("resourceType") == "Patient" else None
        if of_patient is None or of_patient & _AGAINST:
            return False
        beside |= of_patient
    # Elsewhere our patient has another id, and their number counts; here they have one.
    if inside and Whose.OWN in beside and not _is_here(meant, person):
        said.clear()
    found = said | beside
    return Whose.OWN in found and not found & _AGAINST


def _is_here(reference: str, person: Person) -> bool:
    target = literal(reference)
    return target is not None and any(same_base(target.base, b) for b in person.bases or ())


def _absolute(reference: str, at: str) -> str:
    """A relative reference as the Bundle means it: under the base of who refers."""
    target, here = literal(reference), literal(at)
    if target is None or target.base or here is None or not here.base:
        return reference
    return f"{here.base}/{target.type}/{target.id}"
