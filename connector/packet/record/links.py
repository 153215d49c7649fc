"""What the records of a chart point to: other records of it, attachments, nothing that is here."""

from collections.abc import Mapping
from typing import Any

from ...fhir import base64binary
from ...fhir.lossless import sha256
from ...fhir.references import Kind, Target, parse
from ...fhir.shapes import objects_in
from ...store.case.casefile import CaseFile
from ...store.pulled import attachments, records, targets

_NOTHING = sha256(b"")


class Links:
    """What references point to: the record in the chart, when it is there.

    The pull step resolved conditional, absolute and urn references and wrote them into `target`.
    """

    def __init__(self, case: CaseFile, base_url: str) -> None:
        self._base_url = base_url
        self._here = frozenset(records.keys(case))
        self._resolved = targets.resolved(case)
        self._keys: dict[str, str | None] = {}
        self._contents = attachments.contents(case)

        # What the pull step noted of Binary resources that came as such (binary.html).
        self._binaries: dict[str, dict[str, Any]] = case.state.binaries

    def labels(self, url: object) -> list[dict[str, Any]]:
        """Security labels of the Binary at `url` (as written), as its source gave them."""
        found = self._binaries.get(url, {}) if isinstance(url, str) else {}
        return list(found.get("security", ()))

    def context(self, url: object) -> str | None:
        """What the `securityContext` of the Binary at `url` names."""
        found = self._binaries.get(url, {}) if isinstance(url, str) else {}
        written = found.get("context")
        return (self.key(written) or written) if isinstance(written, str) else None

    def had(self, url: object) -> bool:
        """Whether the attachment at `url` (as written) was fetched."""
        return url in self._contents

    def contents(self, attachment: dict[str, Any]) -> set[str]:
        """Names of what an attachment holds: SHA-256 of its bytes, its URL, its Binary's key."""
        url, data = attachment.get("url"), attachment.get("data")
        names = {content_name(data)} if isinstance(data, str) else set()
        if isinstance(url, str):
            names |= {name for name in (url, self.key(url), self._contents.get(url)) if name}
        return names - {_NOTHING}

    def target(self, reference: str) -> Target:
        """What kind of reference it is."""
        return parse(reference, self._base_url)

    def key(self, reference: str) -> str | None:
        """`Type/id` of the record in the chart, or None."""
        # Most references are to the patient, an encounter, a physician: looked up once.
        if reference not in self._keys:
            self._keys[reference] = self._look_up(reference)
        return self._keys[reference]

    def _look_up(self, reference: str) -> str | None:
        if reference in self._here:
            return reference
        target = self.target(reference)
        key = target.local if target.kind is Kind.LOCAL else self._resolved.get(reference)
        return key if key in self._here else None


def content_name(data: str) -> str:
    """SHA-256 of what is in base64, whatever white space is in it."""
    content = base64binary.content(data)
    return sha256(data.encode("utf-8", "surrogatepass") if content is None else content)


def identifier_token(identifier: dict[str, Any]) -> str:
    """An Identifier as `system|value`."""
    return f"{identifier.get('system', '')}|{identifier.get('value', '')}"


def own_identifiers(resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The business identifiers of a record that have a value."""
    found = (resource.get(name) for name in ("identifier", "masterIdentifier"))
    return [item for value in found for item in objects_in(value) if item.get("value")]
