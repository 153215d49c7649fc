"""References between resources: found by walking, told apart, changed by splicing.

FHIR R4 references.html. A reference is a member `reference` holding a string, at any depth; no
list of fields is needed. Spans are byte offsets into the record, so that everything that is not
a reference stays byte for byte what the source sent.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from .lossless import decode, encode
from .types import TYPES, proper

# In valid JSON an unescaped `"reference"` followed by a colon can only be a member's name: a
# quote inside a string is preceded by a backslash. (That is looked for behind the literal text: a
# pattern that begins with it is found eight times faster.)
_MEMBER = re.compile(rb'"reference"(?<!\\"reference")\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")', re.DOTALL)
_ESCAPED_NAME = re.compile(rb'(?<!\\)"[^"\\]*\\u(?:[^"\\]|\\.)*"\s*:')
_LITERAL = re.compile(
    r"(?P<base>(?i:https?)://.+/)?(?P<type>[A-Za-z]{2,})/(?P<id>[A-Za-z0-9\-._~]{1,255})"
    r"(?:/_history/(?P<version>[^/#?]+))?(?:[#?].*)?\Z"
)
_CONDITIONAL = re.compile(r"(?P<type>[A-Za-z]{2,})\?(?P<query>.+)\Z")
_BLANK = " \t\r\n\v\f\u00a0\u200b\u2060\ufeff"  # what programs leave around a string


class Kind(Enum):
    """What a reference string points with (references.html#literal)."""

    LOCAL = "local"  # Type/id, or absolute under this server's base
    CONTAINED = "contained"  # #id
    URN = "urn"  # urn:uuid: or urn:oid:
    CONDITIONAL = "conditional"  # Type?query
    FOREIGN = "foreign"  # absolute, on another server
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a reference points. `type` and `id` are set for LOCAL; `type` for CONDITIONAL."""

    kind: Kind
    type: str = ""
    id: str = ""

    @property
    def local(self) -> str:
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class Span:
    """One reference string in a record: byte offsets of the JSON string, and its value."""

    start: int
    end: int
    value: str


class Literal(NamedTuple):
    """A literal reference in its parts; `base` is empty for a relative one."""

    base: str
    type: str
    id: str


def tidy(reference: str) -> str:
    """`reference` without what stands around it: blanks, slashes before or behind, `%2F`.

    A urn in lower case; version, query and fragment stay. No correct reference means another then.
    """
    plain = unquote(reference) if "%" in reference and "?" not in reference else reference
    plain = plain.strip(_BLANK).rstrip("/")
    if plain[:4].lower() == "urn:":
        return plain.lower()
    return plain if "://" in plain else plain.lstrip("./")


def literal(reference: str) -> Literal | None:
    """The parts of a literal reference, however untidily it is written; None for any other.

    The type is as R4 writes it. What stands behind the id (version, query, fragment) is set aside.
    """
    match = _LITERAL.match(reference)
    if match is None or match["type"] not in TYPES:
        match = _LITERAL.match(tidy(reference)) or match
    if match is None or not (kind := proper(match["type"]))[0].isupper():
        return None
    return Literal((match["base"] or "").rstrip("/"), kind, match["id"])


def parse(reference: str, *bases: str) -> Target:
    """What `reference` points to, seen from the server at `bases`. A version is set aside.

    `bases`: every name of that one server. Blanks and slashes around a reference, and the letter
    case of its type, are form: it points where it would without.
    """
    if found := literal(reference):
        if not found.base or any(same_base(found.base, base) for base in bases):
            return Target(Kind.LOCAL, found.type, found.id)
        return Target(Kind.FOREIGN)
    plain = tidy(reference)
    if plain.startswith("#"):
        return Target(Kind.CONTAINED)
    if plain.startswith(("urn:uuid:", "urn:oid:")):
        return Target(Kind.URN)
    if (match := _CONDITIONAL.match(plain)) and proper(match["type"])[0].isupper():
        return Target(Kind.CONDITIONAL, proper(match["type"]))
    return Target(Kind.FOREIGN if "://" in plain else Kind.INVALID)


def local_part(reference: str, base_url: str) -> str | None:
    """`Type/id` (and what follows) of an absolute reference under `base_url`; None for others."""
    match = _LITERAL.match(reference)
    if match is None or match["base"] is None or not same_base(match["base"], base_url):
        return None
    return reference[len(match["base"]) :]


def any_base(value: Any) -> Any:
    """A decoded value with every literal reference as if it were relative, whatever its base."""
    if isinstance(value, dict):
        found = {key: any_base(item) for key, item in value.items()}
        reference = value.get("reference")
        if isinstance(reference, str) and (match := _LITERAL.match(reference)):
            found["reference"] = reference[len(match["base"] or "") :]
        return found
    return [any_base(item) for item in value] if isinstance(value, list) else value


def other_names(reference: str) -> list[str]:
    """What a reference string says of its target besides an address: its id, its identifiers.

    Ids as they are, identifiers as `system|value`; [] for one that points inside its record.
    """
    if reference.startswith("#"):
        return []
    if match := _CONDITIONAL.match(reference):
        wanted = parse_qsl(match["query"])
        return [value for name, value in wanted if name in ("_id", "identifier")]
    path = reference.partition("#")[0].partition("/_history/")[0]
    return [re.split("[/:]", path.rstrip("/"))[-1]]


def spans(data: bytes) -> list[Span]:
    """Every reference string in `data`, in order."""
    return [Span(*m.span(1), decode(m[1])) for m in _MEMBER.finditer(data)]


def named(data: bytes) -> list[str]:
    """The values of `spans`, without their places."""
    return [decode(value) for value in _MEMBER.findall(data)]


def plain_names(data: bytes) -> bytes:
    """`data`, re-encoded only if a member's name is written with `\\u` escapes (legal, never seen).

    Splicing looks for member names as plain text; this keeps it exact for every JSON there is.
    """
    escaped = b"\\u" in data and _ESCAPED_NAME.search(data)
    return encode(decode(data)) if escaped else data


def splice(data: bytes, replace: Callable[[str], str | None]) -> bytes:
    """`data` with reference strings replaced where `replace` answers; all else byte for byte."""
    pieces: list[bytes] = []
    at = 0
    for match in _MEMBER.finditer(data):
        new = replace(decode(match[1]))
        if new is not None:
            pieces += (data[at : match.start(1)], encode(new))
            at = match.end(1)
    pieces.append(data[at:])
    return b"".join(pieces)


def make_logical(resource: Any, identifier: Callable[[str], dict[str, str] | None]) -> None:
    """Turn literal references into logical ones in place (references.html#logical).

    Where `identifier` answers for a reference string, the string goes and the answer stands in
    as `Reference.identifier`, unless the source gave an identifier of its own: that one stays.
    """
    for node in objects(resource):
        reference = node.get("reference")
        if isinstance(reference, str) and (logical := identifier(reference)) is not None:
            del node["reference"]
            node.setdefault("identifier", logical)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object inside a decoded value, itself included."""
    stack: list[Any] = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def same_base(one: str, other: str) -> bool:
    """Whether two addresses are one: letter case, a stated default port and last slash are form."""
    base = _base(one)
    return base is not None and base == _base(other)


@lru_cache(256)
def _base(url: str) -> tuple[str, str | None, int | None, str] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # no address at all, so no server's
        return None
    return parts.scheme, parts.hostname, port, parts.path.rstrip("/").lower()
