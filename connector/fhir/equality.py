"""The one definition of equal, used to prove arrival and to compare two pulls.

Keys sorted; numbers as digits and exponent; server-set meta set aside; of the rest of `meta` all
that was sent must be there, more may be; narrative compared as canonical XML. What is not equal so
may still be the same values in another form (forms.py), or with other precision.
"""

from enum import Enum
from typing import Any, NamedTuple

from .forms import Form, plain
from .lossless import UndecodableError, canonical, canonical_xhtml, decode, same_value
from .record import SERVER_META
from .references import any_base

_CODED = ("tag", "security")
_SUPERSET = (*_CODED, "profile")
META = "meta"  # told beside the forms: a server wrote more into `meta` than was sent
OTHER_BASE = "its references are absolute, under another base than base_url"


class Verdict(Enum):
    """How what was read relates to what was sent."""

    EQUAL = "equal"
    FORM_CHANGED = "form-changed"  # the same values, some written in another form
    PRECISION_CHANGED = "precision-changed"  # the same values, some with other precision
    DIFFERS = "differs"


class Relation(NamedTuple):
    """A verdict, and in words what was written otherwise or, where it is known, what differs."""

    verdict: Verdict
    why: str = ""


def relation(sent: bytes, read: bytes, base_url: str = "") -> Relation:
    """How what was read back relates to what was sent. References must already be the receiver's.

    `base_url`: of the server it was read from; references under it are as good as relative ones.
    Raises `UndecodableError` for bytes that are not JSON, or nested too deeply to be walked.
    """
    one, other = decode(sent), decode(read)
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return Relation(Verdict.DIFFERS)
    if not _meta_kept(one.get("meta") or {}, other.get("meta") or {}):
        return Relation(Verdict.DIFFERS)
    one, other = comparable(one), comparable(other)
    if canonical(one) == canonical(other):
        return Relation(Verdict.EQUAL)
    plainly = _without_additions(one, other)
    found = _without_meta(one, plainly, base_url)
    if plainly is other or found.verdict is Verdict.DIFFERS:
        return found
    same = found.verdict is Verdict.EQUAL
    return Relation(
        Verdict.FORM_CHANGED if same else found.verdict, ", ".join(filter(None, (found.why, META)))
    )


def _without_meta(one: dict[str, Any], other: dict[str, Any], base_url: str) -> Relation:
    """Two resources whose `meta` says the same, or is part of what differs."""
    if canonical(one) == canonical(other):
        return Relation(Verdict.EQUAL)
    if same_value(one, other):
        return Relation(Verdict.PRECISION_CHANGED)
    return _otherwise(one, other, base_url)


def _without_additions(sent: dict[str, Any], read: dict[str, Any]) -> dict[str, Any]:
    """`read` with the `meta` of `sent`, if all of that is in its own; else `read` itself.

    Servers keep there whose project a record is and who wrote it (Medplum), or extensions.
    """
    mine, theirs = sent.get("meta", {}), read.get("meta", {})
    if mine == theirs or not (isinstance(mine, dict) and isinstance(theirs, dict)):
        return read
    if not all(_within(value, theirs.get(name)) for name, value in mine.items()):
        return read
    return {name: value for name, value in read.items() if name != "meta"} | (
        {"meta": mine} if mine else {}
    )


def _within(value: Any, other: Any) -> bool:
    both_lists = isinstance(value, list) and isinstance(other, list)
    return _items(value) <= _items(other) if both_lists else bool(value == other)


def _otherwise(one: dict[str, Any], other: dict[str, Any], base_url: str) -> Relation:
    """Two resources that are not written alike."""
    try:
        alike, numbers = plain(one, base_url), plain(other, base_url)
        if not same_value(alike, numbers):
            away = same_value(any_base(alike), any_base(numbers))
            return Relation(Verdict.DIFFERS, OTHER_BASE if away else "")
        used = [form for form in Form if not _without(form, one, other, base_url)]
    except RecursionError:
        raise UndecodableError("nested too deeply") from None
    exact = canonical(alike) == canonical(numbers)
    verdict = Verdict.FORM_CHANGED if exact else Verdict.PRECISION_CHANGED
    return Relation(verdict, ", ".join(used))


def _without(form: Form, one: dict[str, Any], other: dict[str, Any], base_url: str) -> bool:
    """Whether two resources are the same values also if `form` counts."""
    rest = [each for each in Form if each is not form]
    return same_value(plain(one, base_url, rest), plain(other, base_url, rest))


def comparable(resource: dict[str, Any]) -> dict[str, Any]:
    """A decoded resource without what a server may set or add, narrative in canonical XML."""
    meta = resource.get("meta") or {}
    if isinstance(meta, dict):
        aside = (*SERVER_META, *_SUPERSET)
        meta = {key: value for key, value in meta.items() if key not in aside}
    rest = {key: value for key, value in resource.items() if key not in ("meta", "id")}
    if meta:
        rest["meta"] = meta
    try:
        return {key: _canonical_narratives(key, value) for key, value in rest.items()}
    except RecursionError:
        raise UndecodableError("nested too deeply") from None


def _canonical_narratives(name: str, value: Any) -> Any:
    # Sections and contained resources have a Narrative too (narrative.html): a member `text`
    # that is an object with a `div`.
    if isinstance(value, list):
        return [_canonical_narratives(name, item) for item in value]
    if not isinstance(value, dict):
        return value
    if name == "text" and isinstance(value.get("div"), str):
        return {**value, "div": canonical_xhtml(value["div"])}
    return {key: _canonical_narratives(key, item) for key, item in value.items()}


def _meta_kept(sent: Any, read: Any) -> bool:
    """Whether tags, labels and profiles that were sent are there. Nothing is, in a `meta` or list
    that is none."""
    if not (isinstance(sent, dict) and isinstance(read, dict)):
        return bool(sent == read)
    return all(_items(sent.get(name), name) <= _items(read.get(name), name) for name in _SUPERSET)


def _items(values: Any, name: str = "") -> set[bytes]:
    """The items of a list; of what has a code, the code: a server that keeps each tag once (HAPI)
    shows it to everybody with the display of whoever came first."""
    items = values if isinstance(values, list) else []
    return {canonical(_coded(item) if name in _CODED else item) for item in items}


def _coded(item: Any) -> Any:
    named = isinstance(item, dict) and item.get("code")
    return {k: item[k] for k in ("system", "code") if k in item} if named else item
