"""A FHIR document that is kept as one resource (R4 documents.html): whose it is. Pure.

Its Composition says it, by a reference that the Bundle resolves first (bundle.html#references):
only what leads to our patient by the server's id, or by an identifier that they carry, proves it.
"""

from typing import Any

from .embedded import names_another
from .lossless import UndecodableError, decode
from .references import literal, same_base
from .salvage import deeper_than
from .shapes import as_dict, as_text, dicts
from .subject import Person
from .whose import Whose

_DEPTH_MAX = 100  # of objects and lists in one another
_AGAINST = frozenset({Whose.STRANGER, Whose.SEVERAL, Whose.OTHERWISE})


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
