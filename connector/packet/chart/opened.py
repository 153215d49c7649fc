"""FHIR documents in the attachments of a record, opened: what stands in them, for the rules.

Nothing of it becomes a record of the packet: the source has that as records, and the document
travels whole. What was not had, or is no FHIR JSON, is not opened.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...fhir import base64binary
from ...fhir.attachments import attachment_nodes, may_attach
from ...fhir.document import Opened, opened
from ...store.case.casefile import CaseFile
from ...store.mapped.content import attached
from ..record.links import Links, identifier_token, own_identifiers

_PEOPLE = ("Patient", "Person", "RelatedPerson")


class Inside(NamedTuple):
    """What stands in the documents of one record. `names`: by which records of the chart may be
    known in them: `Type/id`, `system|value`."""

    resources: tuple[dict[str, Any], ...] = ()
    around: tuple[dict[str, Any], ...] = ()
    names: frozenset[str] = frozenset()


NOTHING = Inside()


def inside(case: CaseFile, resource: Any, body: bytes, links: Links) -> Inside:
    """What stands in the documents of a decoded record whose bytes are `body`."""
    if not (b'"data"' in body or b'"url"' in body) or not may_attach(body):
        return NOTHING
    found = [one for data in _contents(case, resource) if (one := opened(data))]
    if not found:
        return NOTHING
    return Inside(
        tuple(each for one in found for _, each in one.resources),
        tuple(each for one in found for each in one.around),
        frozenset(name for one in found for name in _names(one, links)),
    )


def _contents(case: CaseFile, resource: Any) -> Iterator[bytes]:
    for node in attachment_nodes(resource):
        data, url = node.get("data"), node.get("url")
        if isinstance(data, str):
            yield base64binary.content(data) or b""
        elif isinstance(url, str) and (had := attached(case, url)):
            yield had[1]


def _names(one: Opened, links: Links) -> Iterator[str]:
    for url, resource in one.resources:
        if resource["resourceType"] in _PEOPLE:
            continue
        key = links.key(url) if url else None
        key = key or links.key(f"{resource['resourceType']}/{resource.get('id')}")
        if key:
            yield key
        for identifier in own_identifiers(resource):
            if identifier.get("system"):
                yield identifier_token(identifier)
