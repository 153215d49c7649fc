"""A bundle that no JSON parser takes, cut so that only what is broken in it is lost.

One lone surrogate, one unescaped control character, one record nested a thousand deep make a
whole page invalid JSON. Here only quotes and brackets are counted, without recursion, so that
the parts can be judged one by one. Slower than `lossless` (some 50 MB/s): for when that fails.
"""

import re

from .lossless import UndecodableError, decode

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{},]', re.DOTALL)
_MEMBER = re.compile(rb'\s*("[^"\\]*(?:\\.[^"\\]*)*")\s*:(.*)', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ALIKE = bytes.maketrans(b"[]", b"{}")
_STEP = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


def members(data: bytes) -> dict[str, bytes]:
    """The top-level members of an object, values unexamined. `UndecodableError` if cut short."""
    matches = [_MEMBER.fullmatch(part) for part in _parts(data, b"{")]
    found = {decode(match[1]): match[2].strip() for match in matches if match}
    if len(found) < len(matches):
        raise UndecodableError("an object with something else than members in it")
    return found


def elements(data: bytes) -> list[bytes]:
    """The elements of an array, unexamined. `UndecodableError` if it is cut short."""
    return _parts(data, b"[")


def deeper_than(data: bytes, limit: int) -> bool:
    """Whether objects and lists of valid JSON are nested more than `limit` deep."""
    if data.count(b"{") + data.count(b"[") <= limit:
        return False  # most records by far, and no need to look where the brackets are
    outside_strings = data.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2]
    brackets = b"".join(outside_strings).translate(_ALIKE, _NO_BRACKETS)
    for _ in range(limit):
        if not brackets:
            return False
        brackets = brackets.replace(b"{}", b"")  # the innermost of each branch
    return bool(brackets)


def _parts(data: bytes, opening: bytes) -> list[bytes]:
    data = data.strip()
    parts: list[bytes] = []
    depth, at, end = 0, 1, 0
    for match in _TOKEN.finditer(data):
        token = match[0]
        if token == b'"':
            break  # a string without an end
        depth += _STEP.get(token, 0)
        if depth == 0 or (depth == 1 and token == b","):
            parts.append(data[at : match.start()].strip())
            at = end = match.end()
        if depth == 0:
            break
    if not data.startswith(opening) or depth or end != len(data):
        raise UndecodableError("JSON is malformed: brackets or quotes do not match")
    return [] if parts == [b""] else parts
