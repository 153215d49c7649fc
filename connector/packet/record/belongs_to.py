"""What a record belongs to, and whose security labels it therefore has.

A label of an encounter is one of what was done and written in it; of an episode, of its encounters;
of a part of a document, of what stands in that part; of what a Binary's `securityContext` names, of
the Binary (R4 binary.html). However the link is written: relative, absolute, by an identifier.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ...fhir.about import ENCOUNTERS
from ...fhir.references import objects, other_names
from ...fhir.shapes import items, objects_in
from .links import Links, identifier_token

ENCOUNTER = "Encounter"
_ASSOCIATED = "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter"
_TYPED = re.compile(r"(?:.*/)?((?:Encounter|EpisodeOfCare)/[^/#?]+)(?:/_history/.*)?\Z")

Names = tuple[str, ...]


def belongs_to(resource: dict[str, Any], links: Links) -> Names:
    """Names (`Type/id`, `system|value`) of the encounters and episodes that a record belongs to."""
    return tuple(
        dict.fromkeys(name for node in _places(resource) for name in _names(node, resource, links))
    )


def own_names(resource: dict[str, Any]) -> Names:
    """What else an encounter or episode is called: its identifiers, with and without system."""
    if resource.get("resourceType") not in ENCOUNTERS:
        return ()
    found = [i for i in objects_in(resource.get("identifier")) if i.get("value")]
    return tuple(name for i in found for name in (identifier_token(i), f"|{i['value']}"))


def labelled_parts(resource: dict[str, Any], extensions: Iterable[str], links: Links) -> Names:
    """Keys of the records that the labelled sections of a Composition refer to."""
    if resource.get("resourceType") != "Composition":
        return ()
    keys = []
    for node in objects(resource.get("section")):
        urls = {e.get("url") for e in objects_in(node.get("extension"))}
        if not urls.isdisjoint(extensions):  # of the sections in it too
            entries = [e for part in objects(node) for e in items(part.get("entry"))]
            written = (e.get("reference") for e in entries if isinstance(e, dict))
            keys += [key for e in written if isinstance(e, str) and (key := links.key(e))]
    return tuple(dict.fromkeys(keys))


def _places(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The References to what a record belongs to, as R4's elements have them."""
    context = resource.get("context")  # of a document an object, of a medication a Reference
    held = [resource.get("encounter"), context, resource.get("episodeOfCare")]
    if isinstance(context, dict):
        held.append(context.get("encounter"))
    if resource.get("resourceType") == ENCOUNTER:
        held.append(resource.get("partOf"))
    held.append(resource.get("securityContext"))
    for extension in objects_in(resource.get("extension")):
        if extension.get("url") == _ASSOCIATED:
            held.append(extension.get("valueReference"))
    for value in held:
        yield from objects_in(value)


def _names(node: dict[str, Any], resource: dict[str, Any], links: Links) -> Iterator[str]:
    reference, identifier = node.get("reference"), node.get("identifier")
    if isinstance(reference, str):
        if reference.startswith("#"):
            for inner in objects_in(resource.get("contained")):
                if f"#{inner.get('id')}" == reference:
                    yield from (n for n in own_names(inner) if not n.startswith("|"))
                    yield from belongs_to({**inner, "contained": []}, links)
        elif key := links.key(reference):
            yield key
        elif typed := _TYPED.match(reference):
            yield typed[1]
        else:
            yield from (name for name in other_names(reference) if "|" in name)
    if isinstance(identifier, dict) and identifier.get("value") and "resourceType" not in node:
        yield identifier_token(identifier)
