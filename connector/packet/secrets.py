"""Keys of the source that stand in its records: masked wherever they do (release/endpoints.yaml).

Endpoint.address and .header (R4 endpoint.html), contained ones too; a URL that opens something by
itself: SMART Imaging's capability URLs, signed links, SMART Health Links.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..fhir.lossless import UndecodableError, decode
from ..fhir.references import attachment_nodes, objects
from ..store.casefile import CaseFile
from .change import Note
from .rules import EndpointSecrets

REPLACED = "urn:x-connector:kept-at-source"
_MASKED = {
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
            "valueCode": "masked",
        }
    ]
}
_URL = re.compile(r"""(?:https?|wss?|ftp|dicom)://[^\s"'<>\\]+|shlink:/[^\s"'<>\\]+""", re.I)
_BEARER = re.compile(r"\b(?:Bearer|Basic)\s+[A-Za-z0-9\-._~+/]{8,}=*", re.I)
_FRAGMENT = re.compile(rb"#[A-Za-z_\-]+=")
_OPAQUE = 16  # characters of a part of a path that may be a key
_IDENTIFIER = re.compile(r"[0-9.]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
# Strings that name things and are never addresses of a door.
_NAMES = frozenset({"resourceType", "id", "system", "data", "reference", "code"})


class Secrets:
    """Knows the keys of a chart, and masks them. Has the id and reason of its rule."""

    def __init__(self, rule: EndpointSecrets, known: Iterable[dict[str, Any]] = ()) -> None:
        self.id, self.reason = rule.id, rule.reason
        self._hosts = rule.named_hosts
        self._parameters = {_plain(name) for name in rule.parameters}
        keys: set[str] = set()
        for endpoint in known:
            keys |= set(self._keys(endpoint))
        self._known = sorted(keys, key=lambda key: (-len(key), key))
        self._bytes = [key.encode("utf-8", "surrogatepass") for key in self._known]

    @classmethod
    def of(cls, case: CaseFile, rule: EndpointSecrets) -> "Secrets":
        """Those of a chart: of every Endpoint in it, contained or not."""
        bodies = case.rows(
            "SELECT body FROM record WHERE type = 'Endpoint'"
            " OR instr(body, CAST('\"Endpoint\"' AS BLOB))"
        )
        return cls(rule, (found for (body,) in bodies for found in _endpoints(body)))

    def are_in(self, data: bytes) -> bool:
        """Whether there is something to mask in a record."""
        return self.may_be_in(data) and bool(self.mask(decode(data)))

    def may_be_in(self, data: bytes) -> bool:
        """Whether it is worth while to decode a record and look for keys in it."""
        return (
            b'"Endpoint"' in data
            or b"\\/" in data  # escaped: nothing can be told from the bytes
            or b"\\u00" in data
            or b"?" in data
            or _FRAGMENT.search(data) is not None
            or b"@" in data
            or b"shlink:" in data
            or b"earer" in data
            or any(key in data for key in self._bytes)
        )

    def mask(self, resource: dict[str, Any]) -> list[Note]:
        """Mask the keys in a decoded record, in place. A note for each member something stood in.

        An Attachment's `url` is left: it never travels, and what it leads to is found by it.
        """
        kind = resource.get("resourceType")
        attached = {id(node) for node in attachment_nodes(resource)}
        touched: list[str] = []
        if kind == "Endpoint":
            touched += [f"{kind}.{name}" for name in self._endpoint(resource)]
        for name, value in list(resource.items()):
            before = len(touched)
            for node in objects(value):
                if node.get("resourceType") == "Endpoint":
                    touched += self._endpoint(node)
                own = {"url"} if id(node) in attached else set()
                touched += self._strings(node, node.keys() - own)
            touched += self._strings(resource, {name})
            touched[before:] = [f"{kind}.{name}"] if len(touched) > before else []
        return [Note(self.id, path, "changed") for path in dict.fromkeys(touched)]

    def masked(self, text: str) -> str:
        """A text without keys."""
        for key in self._known:
            if key in text:
                text = _token_around(text, key)
        text = _URL.sub(lambda url: REPLACED if self._is_key(url[0]) else url[0], text)
        return _BEARER.sub(REPLACED, text)

    def _endpoint(self, endpoint: dict[str, Any]) -> list[str]:
        found = []
        address = endpoint.get("address")
        if isinstance(address, str) and not self._may_be_named(address):
            del endpoint["address"]
            endpoint["_address"] = _MASKED
            found.append("address")
        gone = [endpoint.pop(name, None) for name in ("header", "_header")]
        if any(value is not None for value in gone):
            found.append("header")
        return found

    def _strings(self, node: dict[str, Any], names: Iterable[str]) -> list[str]:
        found = []
        for name in names:
            value = node.get(name)
            if name in _NAMES:
                continue
            if isinstance(value, str) and (text := self.masked(value)) != value:
                node[name] = text
                found.append(name)
            elif isinstance(value, list):
                for place, item in enumerate(value):
                    if isinstance(item, str) and (text := self.masked(item)) != item:
                        value[place] = text
                        found.append(name)
        return found

    def _may_be_named(self, address: str) -> bool:
        return _host(address) in self._hosts and not self._is_key(address) and not _opaque(address)

    def _is_key(self, url: str) -> bool:
        """Whether a URL opens something by itself."""
        if "shlink:/" in url.lower():
            return True
        try:
            parts = urlsplit(url.replace("&amp;", "&"))
        except ValueError:
            return True
        if "@" in parts.netloc:
            return True
        given = [*parse_qsl(parts.query), *parse_qsl(parts.fragment)]
        return any(_plain(name) in self._parameters and len(value) >= 6 for name, value in given)

    def _keys(self, endpoint: dict[str, Any]) -> Iterator[str]:
        """What of an Endpoint is a key wherever it stands."""
        address = endpoint.get("address")
        if isinstance(address, str) and (_opaque(address) or self._is_key(address)):
            yield address.rstrip("/")
            yield from _opaque(address)
        headers = endpoint.get("header")
        for header in headers if isinstance(headers, list) else []:
            if isinstance(header, str):
                yield from (word for word in header.split() if len(word) >= 8 and ":" not in word)


def _endpoints(body: bytes) -> Iterator[dict[str, Any]]:
    try:
        resource = decode(body)
    except UndecodableError:
        return
    yield from (node for node in objects(resource) if node.get("resourceType") == "Endpoint")


def _opaque(address: str) -> list[str]:
    """Parts of a path that may be keys; ids of DICOM and UUIDs are none."""
    try:
        path = urlsplit(address).path
    except ValueError:
        return [address]
    return [p for p in path.split("/") if len(p) >= _OPAQUE and not _IDENTIFIER.fullmatch(p)]


def _token_around(text: str, key: str) -> str:
    """`text` with what stands around a key up to the next space or quote replaced."""
    return re.sub(rf"""[^\s"'<>]*{re.escape(key)}[^\s"'<>]*""", REPLACED, text)


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")
