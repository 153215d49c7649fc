"""Keys of the source that stand in its records: masked wherever they do (release/endpoints.yaml).

Endpoint.address and .header (R4 endpoint.html), contained ones too; a URL that opens something by
itself: SMART Imaging's capability URLs, signed links, SMART Health Links.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from typing import Any
from urllib.parse import unquote, urlsplit

from ...fhir.attachments import attachment_nodes
from ...fhir.lossless import UndecodableError, decode
from ...fhir.references import objects
from ...fhir.shapes import dicts
from ...store.case.casefile import CaseFile
from ...store.pulled import records
from ..ruleset.change import Note
from ..ruleset.release_rules import EndpointSecrets
from .capability_url import URL, credentials, is_key, is_mixed, looks_random, parts_of, plain

REPLACED = "urn:x-connector:kept-at-source"
_MASKED = {
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
            "valueCode": "masked",
        }
    ]
}
_ADDRESS = re.compile(rb"""://[^\s"'<>\\]+""")
_ESCAPED = re.compile(rb"%[0-9A-Fa-f]{2}")
_MARKS = (
    b'"endpoint"',
    b"?",
    b"@",
    b"shlink",
    b"eyj",
    b"bearer",
    b"basic ",
    b"key",
    b"token",
    b"passw",
    b"passc",
    b"passp",
    b"kennwort",
    b"contrase",
    b"de passe",
)
_WORD = re.compile(r"""[^\s"'<>\\]+""")
_SHORT = 12  # characters: a shorter key is looked for as a word
# Strings that are names and no addresses; those that only look so, where only sure signs count.
_NAMES = frozenset({"resourceType", "id", "data", "reference"})
_TERMS = frozenset({"system", "code"})
_DEFINITIONS = frozenset({"url", "profile"})
# What an extension of an Endpoint may say a key in.
_FREE = frozenset({"valueString", "valueMarkdown", "valueUri", "valueUrl", "valueBase64Binary",
                   "valueId", "valueUuid", "valueOid", "valueCanonical"})  # fmt: skip
_OPEN_HEADERS = ("accept", "content-", "user-agent", "host:")


class Secrets:
    """Knows the keys of a chart, and masks them. Has the id and reason of its rule."""

    def __init__(self, rule: EndpointSecrets, known: Iterable[dict[str, Any]] = ()) -> None:
        self.id, self.reason = rule.id, rule.reason
        self._hosts = rule.named_hosts
        parameters = frozenset(plain(name) for name in rule.parameters)
        self._is_key = lru_cache(4096)(partial(is_key, parameters=parameters))
        keys: set[str] = set()
        for endpoint in known:
            keys |= set(self._keys(endpoint))
        self._known = sorted(keys, key=lambda key: (-len(key), key))
        self._bytes = [key.encode("utf-8", "surrogatepass") for key in self._known]

    @classmethod
    def of(cls, case: CaseFile, rule: EndpointSecrets) -> "Secrets":
        """Those of a chart: of every Endpoint in it, contained or not."""
        bodies = records.endpoints(case)
        return cls(rule, (found for body in bodies for found in _endpoints(body)))

    def are_in(self, data: bytes) -> bool:
        """Whether there is something to mask in a record."""
        return self.may_be_in(data) and bool(self.mask(decode(data)))

    def may_be_in(self, data: bytes) -> bool:
        """Whether it is worth while to decode a record and look for keys in it."""
        lower = data.lower()
        return (
            any(mark in lower for mark in _MARKS)
            or b"\\/" in data  # escaped: nothing can be told from the bytes
            or b"\\u00" in data
            or b"secret" in lower
            or _ESCAPED.search(data) is not None
            or any(key in data for key in self._bytes)
            or any(
                self._is_key("https" + found.decode("utf-8", "replace"))
                for found in _ADDRESS.findall(data)
            )
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

    def masked(self, text: str, *, guess: bool = True) -> str:
        """A text without keys. `guess`: also those that only their looks tell."""
        for key in self._known:
            text = _without(text, key)
        if "%" in text:
            text = _WORD.sub(lambda word: self._unescaped(word[0]), text)
        return self._surely(text, guess=guess)

    def _surely(self, text: str, *, guess: bool = False) -> str:
        """A text without what opens something by itself, whoever's it is."""
        text = URL.sub(lambda url: REPLACED if self._is_key(url[0], guess=guess) else url[0], text)
        for key in sorted(set(credentials(text)), key=len, reverse=True):
            text = text.replace(key, REPLACED)
        return text

    def _unescaped(self, word: str) -> str:
        """A percent-encoded word; what replaces it if there is a key of the chart in it."""
        written = unquote(unquote(word)) if "%" in word else word
        if written != word and any(_without(written, key) != written for key in self._known):
            return REPLACED
        return word

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
        for extension in _extensions(endpoint):
            for name in _FREE & extension.keys():
                del extension[name]
                extension[f"_{name}"] = _MASKED
                found.append("extension")
        for identifier in dicts(endpoint.get("identifier")):
            for name in ("system", "value"):
                value = identifier.get(name)
                if isinstance(value, str) and self._is_name_of_door(value):
                    identifier[name] = REPLACED
                    found.append("identifier")
        return found

    def _strings(self, node: dict[str, Any], names: Iterable[str]) -> list[str]:
        found = []
        for name in names:
            value = node.get(name)
            if name in _NAMES:
                continue
            if isinstance(value, str) and (text := self._in(name, value)) != value:
                node[name] = text
                found.append(name)
            elif isinstance(value, list):
                for place, item in enumerate(value):
                    if isinstance(item, str) and (text := self._in(name, item)) != item:
                        value[place] = text
                        found.append(name)
        return found

    def _in(self, name: str, value: str) -> str:
        """The string of a member, without keys."""
        if name in _TERMS:
            return self._surely(value)
        if name == "source":  # meta.source: what servers write behind `#` is the id of a request
            address, mark, request = value.partition("#")
            return self._surely(self.masked(address) + mark + request)
        return self.masked(value, guess=name not in _DEFINITIONS)

    def _may_be_named(self, address: str) -> bool:
        named = _host(address) in self._hosts
        return named and not self._is_key(address) and not any(parts_of(address))

    def _is_name_of_door(self, value: str) -> bool:
        """Whether a name of an Endpoint opens it."""
        if "://" in value:
            return bool(self._is_key(value))
        return any(credentials(value)) or any(_random_words(value))

    def _keys(self, endpoint: dict[str, Any]) -> Iterator[str]:
        """What of an Endpoint is a key wherever it stands."""
        address = endpoint.get("address")
        if isinstance(address, str) and (any(parts_of(address)) or self._is_key(address)):
            yield address.rstrip("/")
            yield from parts_of(address)
        headers = endpoint.get("header")
        for header in headers if isinstance(headers, list) else []:
            if isinstance(header, str) and not header.lower().startswith(_OPEN_HEADERS):
                name, colon, value = header.partition(":")
                words = (value if colon else name).split()
                yield from (word for word in words if len(word) >= 8 or is_mixed(word))
        for said in (ext.get(name) for ext in _extensions(endpoint) for name in _FREE):
            if isinstance(said, str) and (is_mixed(said) or self._is_key(said)):
                yield said
                yield from parts_of(said)
        for identifier in dicts(endpoint.get("identifier")):
            for named in (identifier.get("system"), identifier.get("value")):
                if isinstance(named, str) and self._is_name_of_door(named):
                    yield named
                    yield from _random_words(named)


def _endpoints(body: bytes) -> Iterator[dict[str, Any]]:
    try:
        resource = decode(body)
    except UndecodableError:
        return
    yield from (node for node in objects(resource) if node.get("resourceType") == "Endpoint")


def _extensions(endpoint: dict[str, Any]) -> list[dict[str, Any]]:
    """The extensions of an Endpoint, at any depth."""
    return [node for node in objects(endpoint) if isinstance(node.get("url"), str)]


def _random_words(name: str) -> list[str]:
    return [word for word in re.split(r"[:/|?#=&;]", name) if looks_random(word, _SHORT)]


def _without(text: str, key: str) -> str:
    """`text` with what stands around a key, up to the next space or quote, replaced.

    A short key is one only where no letter and no digit touches it.
    """
    if key not in text:
        return text
    edges = ("", "") if len(key) >= _SHORT else ("(?<![A-Za-z0-9])", "(?![A-Za-z0-9])")
    return re.sub(rf"""[^\s"'<>]*{edges[0]}{re.escape(key)}{edges[1]}[^\s"'<>]*""", REPLACED, text)


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
