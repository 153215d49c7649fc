"""Security labels of a record: found wherever R4 and DS4P put them, named as HL7 names them now.

FHIR R4 security-labels.html; HL7 DS4P (inline labels, their basis); C-CDA on FHIR (what a
Composition says of its confidentiality). Which codes there are, and under which systems:
mappings/release/labels.yaml.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ...fhir.references import objects
from ...fhir.shapes import dicts, objects_in
from ...fhir.systems import CONFIDENTIALITY
from ..ruleset.release_rules import LabelList, LabelTerms

# Bytes without which a record has no label: most records have none of them.
_HINT = re.compile(rb'"security|sec-label|"confidentiality')
# `securityLabel` in these says of which labels something is true, not that it has them.
_ABOUT_LABELS = frozenset({"Consent", "AuditEvent", "Contract"})
_NO_LABELS: frozenset[str] = frozenset()


class Labels:
    """Reads labels. A label is `system|code` with the system's present name."""

    def __init__(self, terms: LabelTerms) -> None:
        self._systems = {
            _system(name): each.url for each in terms.systems for name in (each.url, *each.known_as)
        }
        self._other = {_system(name) for name in terms.other_systems}
        self.extensions = terms.extensions
        self._known: dict[str, dict[str, tuple[str, LabelList]]] = {}
        self._named: dict[str, tuple[str, LabelList]] = {}  # words
        self._lists: dict[str, LabelList] = {}
        first = terms.systems[0].url
        for each in terms.lists:
            system = each.system or first
            for code in each.codes:
                label = f"{system}|{code}"
                self._known.setdefault(system, {})[_plain(code)] = label, each
                self._lists.setdefault(label, each)
            for name in each.names:
                self._named.setdefault(_words(name), (f"{system}|{each.codes[0]}", each))
        self._below = {
            f"{first}|{code}": frozenset(f"{first}|{other}" for other in others)
            for code, others in terms.includes.items()
        }

    def of(self, resource: dict[str, Any], body: bytes) -> frozenset[str]:
        """The labels of a decoded record whose bytes are `body` (names of members unescaped)."""
        if not _HINT.search(body):
            return _NO_LABELS
        return frozenset(
            label for coding in self._codings(resource) for label in self.named(coding)
        )

    def of_contents(self, codings: Iterable[dict[str, Any]]) -> frozenset[str]:
        """The labels that the attachments of a record have where they are kept."""
        return frozenset(
            label for each in codings for coding in _flat(each) for label in self.named(coding)
        )

    def named(self, coding: dict[str, Any]) -> Iterator[str]:
        """A Coding as labels: as it is written, plain and, where known, by its present name."""
        written, code = coding.get("system"), coding.get("code")
        system = _system(written) if isinstance(written, str) else ""
        here = self._systems.get(system)
        if isinstance(code, str):
            yield code
            if here is None or not str(written).startswith(here):
                yield f"{written or ''}|{code}"
        if here:
            found = self._known.get(here, {}).get(_plain(code)) or self._by_words(coding)
            yield found[0] if found else f"{here}|{code}"
            # Confidentiality had codes that say what a record is about: they are in ActCode too.
            if found and len(_plain(code)) > 2 and (other := self._anywhere(code)):
                yield other[0]
        elif system not in self._other and (
            found := self._anywhere(code) or self._by_words(coding)
        ):
            yield found[0]

    def below(self, label: str) -> frozenset[str]:
        """The labels that a label includes: who denies it, denies these."""
        return self._below.get(label, _NO_LABELS)

    def unknown(self, labels: Iterable[str]) -> list[str]:
        """Those of a record's labels that are of a system of labels, and in no list."""
        return sorted(
            label
            for label in labels
            if label.partition("|")[0] in self._known and label not in self._lists
        )

    def of_list(self, wanted: LabelList) -> frozenset[str]:
        """The labels that are in one list."""
        return frozenset(label for label, each in self._lists.items() if each.id == wanted.id)

    def lists(self, labels: Iterable[str]) -> list[LabelList]:
        """The lists that a record's labels are in, each once."""
        found = {
            self._lists[label].id: self._lists[label] for label in labels if label in self._lists
        }
        return list(found.values())

    def _anywhere(self, code: object) -> tuple[str, LabelList] | None:
        """A code without a system, or of one that nobody knows: a word of a list all the same.

        Codes of one letter mean anything.
        """
        plain = _plain(code)
        if len(plain) < 2:
            return None
        return next((codes[plain] for codes in self._known.values() if plain in codes), None)

    def _by_words(self, coding: dict[str, Any]) -> tuple[str, LabelList] | None:
        for name in ("display", "text"):
            words = _words(coding.get(name))
            if found := self._named.get(words) or self._anywhere(coding.get(name)):
                return found
            # Its own words around those of a list: "42 CFR Part 2 protected".
            inside = (key for key in self._named if f" {key} " in f" {words} ")
            if longest := max(inside, key=len, default=None):
                return self._named[longest]
        return None

    def _codings(self, resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for node in objects(resource):
            if isinstance(meta := node.get("meta"), dict):
                yield from _flat(meta.get("security"))
            if isinstance(url := node.get("url"), str) and url in self.extensions:
                yield from _flat(node.get("valueCoding"))
                yield from _flat(node.get("valueCodeableConcept"))
            if node.get("resourceType") == "Composition":
                yield {"system": CONFIDENTIALITY, "code": node.get("confidentiality") or "N"}
        if resource.get("resourceType") not in _ABOUT_LABELS:
            for node in objects(resource):
                yield from _flat(node.get("securityLabel"))


def _flat(value: Any) -> Iterator[dict[str, Any]]:
    """The Codings of a Coding, a CodeableConcept (or its text), or a list of these."""
    for item in objects_in(value):
        yield from dicts(item.get("coding")) or [item]


def _system(text: str) -> str:
    plain = text.strip().casefold().partition("|")[0].rstrip("/")
    return plain.removeprefix("urn:oid:").removeprefix("https://").removeprefix("http://")


def _words(text: object) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.casefold())) if isinstance(text, str) else ""


def _plain(words: object) -> str:
    return re.sub(r"[^a-z0-9]", "", words.casefold()) if isinstance(words, str) else ""
