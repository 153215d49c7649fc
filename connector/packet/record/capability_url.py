"""Whether a URL or a word opens something by itself. Pure.

Capability URLs (SMART Imaging), signed links, SMART Health Links, JSON Web Tokens (RFC 7519),
credentials as RFC 9110 and 7617 write them. A key that no name tells is told by its looks: long,
and its letters and digits change about as they do in random bytes, which no word or name does.
"""

import base64
import binascii
import re
from collections.abc import Collection, Iterator
from urllib.parse import unquote, unquote_plus, urlsplit

from ...fhir.types import TYPES

JWT = re.compile(r"\beyJ[\w\-]{8,}\.[\w\-]{8,}(?:\.[\w\-]*){0,3}")
# Whatever of `://` is percent-encoded, once or more often.
URL = re.compile(
    r"(?:https?|wss?|ftp|dicom)(?::|%(?:25)*3A)(?:/|%(?:25)*2F){2}[^\s\"'<>\\]+"
    r"|shlink(?::|%(?:25)*3A)(?:/|%(?:25)*2F)[^\s\"'<>\\]+",
    re.I,
)
_BEARER = re.compile(r"\b(Bearer|Basic)\s+([A-Za-z0-9\-._~+/]{8,}=*)", re.I)
_HEADER = re.compile(
    r"\b(?:api|access|auth|client|subscription|session|security|secret)"
    r"[-_ ]?(?:key|token|secret)"
    r"""["'\\]*\s*[:=]\s*["'\\]*([^\s"'<>\\,;]{6,})""",
    re.I,
)
_PASSWORD = re.compile(
    r"\b(?:password|passcode|passphrase|passwort|kennwort|contrase(?:ñ|n)a|mot de passe)\b"
    r"""["'\\]*\s*(?:[:=]|is\b|ist\b|es\b|est\b)\s*["'\\]*([^\s"'<>\\,;]{4,})""",
    re.I,
)
_IDENTIFIER = re.compile(r"[0-9.]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+=]+")
_RUN = re.compile(r"[A-Z]*[a-z]+|[A-Z]+|[0-9]+")
_PIECE = re.compile(r"[A-Za-z0-9]+")
_HEXADECIMAL = re.compile(r"[0-9a-f]{32,}", re.I)
_LONG = 16  # characters of what may be a key
# Search parameters of R4 that are called as a key may be.
_SEARCHED = frozenset({"code", "policy"})


def looks_random(word: str, least: int = _LONG) -> bool:
    """Whether a word of at least `least` characters looks like random bytes.

    It has letters and digits, and a piece of it without `-._~` changes between words, capitals and
    digits every four characters or sooner; or that piece is hexadecimal, of 16 bytes or more. UUIDs
    and OIDs are names.
    """
    if len(word) < least or not _TOKEN.fullmatch(word) or _IDENTIFIER.fullmatch(word):
        return False
    longest = max(_PIECE.findall(word), key=len, default="")
    if len(longest) < least * 2 // 3 or longest.isdigit() or longest.isalpha():
        return False
    if _HEXADECIMAL.fullmatch(longest):
        return True
    runs = len(_RUN.findall(longest))
    return runs >= 4 and len(longest) <= 4 * runs


def is_key(url: str, parameters: Collection[str], *, guess: bool = True) -> bool:
    """Whether a URL opens something by itself.

    `parameters`: names of parameters that hold a key, as `plain` makes them. `guess`: also by the
    looks of a part that no name tells. One that can't be read counts as a key.
    """
    url = _decoded(url)
    if "shlink:/" in url.lower() or JWT.search(url):
        return True
    try:
        parts = urlsplit(url.replace("&amp;", "&"))
    except ValueError:
        return True
    if "@" in parts.netloc:
        return True
    path = parts.path.split("/")
    searched = _SEARCHED if path[-1] in TYPES else frozenset()
    for name, value in _given(parts.path, parts.query, parts.fragment):
        if plain(name) in parameters and len(value) >= 6 and name not in searched:
            return True
        if any(is_key(found[0], parameters, guess=guess) for found in URL.finditer(value)):
            return True
        if guess and not searched and looks_random(value):
            return True
    return guess and any(map(looks_random, opaque_parts(parts.path)))


def parts_of(url: str) -> Iterator[str]:
    """What of the URL of an Endpoint may be a key: parts of its path, values, a password."""
    try:
        parts = urlsplit(_decoded(url))
        password = parts.password
    except ValueError:
        return
    for part in opaque_parts(parts.path):
        if (len(part) >= _LONG and not _IDENTIFIER.fullmatch(part)) or is_mixed(part):
            yield part
    for _, value in _given(parts.path, parts.query, parts.fragment):
        if len(value) >= _LONG or is_mixed(value):
            yield value
    if password and len(password) >= 6:
        yield password


def opaque_parts(path: str) -> Iterator[str]:
    """Parts of a path, without ids of FHIR resources and without matrix parameters."""
    before = ""
    for part in path.split("/"):
        word = part.partition(";")[0]
        if before not in TYPES and before != "_history":
            yield word
        before = word


def is_mixed(word: str) -> bool:
    """Whether a word is as short keys are: eight letters and digits, or six that look random."""
    piece = max(_PIECE.findall(word), key=len, default="")
    if _IDENTIFIER.fullmatch(word) or piece.isdigit() or piece.isalpha():
        return False
    if len(piece) >= 8 and sum(map(str.isdigit, piece)) >= 2:
        return True
    return len(piece) >= 6 and len(piece) <= 2 * len(_RUN.findall(piece))


def credentials(text: str) -> Iterator[str]:
    """Keys in a text: what follows `Bearer`, `Basic`, `X-API-Key:`, `Password:`; a JWT."""
    for found in _BEARER.finditer(text):
        scheme, word = found[1].lower(), found[2]
        if _is_basic(word) if scheme == "basic" else _is_no_word(word):
            yield found[0]
    yield from (found[1] for found in _HEADER.finditer(text))
    yield from (word for found in _PASSWORD.finditer(text) if _is_no_word(word := found[1]))
    yield from (found[0] for found in JWT.finditer(text))


def plain(name: str) -> str:
    """The name of a parameter, however it is written."""
    return name.casefold().replace("_", "").replace("-", "")


def _given(path: str, query: str, fragment: str) -> Iterator[tuple[str, str]]:
    """Name and value of all that a URL gives; "" for a name where there is none."""
    matrix = path.split(";")[1:]
    for given in (*matrix, *re.split(r"[&;?]", query), *re.split(r"[&;?/]", fragment)):
        name, equals, value = given.partition("=")
        yield (unquote_plus(name), unquote_plus(value)) if equals else ("", unquote_plus(given))


def _decoded(url: str) -> str:
    """A URL that was percent-encoded as a whole, as it was before."""
    while "://" not in url and "%" in url and (decoded := unquote(url)) != url:
        url = decoded
    return url


def _is_basic(word: str) -> bool:
    """RFC 7617: `user:password` in base64. ("Basic metabolic panel" is none.)"""
    try:
        return b":" in base64.b64decode(word + "=" * (-len(word) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _is_no_word(word: str) -> bool:
    return not re.fullmatch(r"[A-Z]?[a-z\-.]+|[A-Z\-.]+", word)
