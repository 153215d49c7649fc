"""Cut out of a record what names a withheld one, with as little around it as possible.

The element goes that is the smallest one R4 allows to be absent: the models of the gate and a few
invariants say which. Narratives go too, since they may say in words what was cut.
"""

from typing import Any

from ...fhir.gate import required
from ...fhir.references import objects
from .withheld import OWN, Withheld, local_names

# Elements that R4 allows only with at least one of these in them: invariants app-1, apr-1, cmp-1,
# con-1, con-2, pat-1, rqg-1, which the models don't know.
_ONE_OF: dict[tuple[str, ...], tuple[str, ...]] = {
    ("Appointment", "participant"): ("type", "actor"),
    ("AppointmentResponse",): ("participantType", "actor"),
    ("Composition", "section"): ("text", "entry", "section"),
    ("Condition", "stage"): ("summary", "assessment"),
    ("Condition", "evidence"): ("code", "detail"),
    ("Patient", "contact"): ("name", "telecom", "address", "organization"),
    ("RequestGroup", "action"): ("resource", "action"),
}
# CareTeam ctm-1: `onBehalfOf` only beside a member.
_ONLY_WITH: dict[tuple[str, ...], tuple[str, str]] = {
    ("CareTeam", "participant"): ("member", "onBehalfOf")
}
_EXTENSIONS = ("extension", "modifierExtension")

Place = tuple[str, ...]  # type, then member names without positions


class UncuttableError(Exception):
    """The record can't be without what names the withheld one."""


def cut(resource: dict[str, Any], withheld: Withheld) -> bool:
    """Take out, in place, every Reference to a withheld record. False if there is none.

    Raises `UncuttableError` when the record can't be without one: then it is withheld itself.
    """
    try:
        told = withheld.words_in(resource)
        for word in told:
            del resource[word]
        if told:
            resource.pop("text", None)
        if not any(_names_one(node, withheld) for node in objects(resource)):
            return bool(told)
        _Cutting(withheld).cut(resource)
    except (LookupError, RecursionError):  # of a type nobody knows, or nested too deeply
        raise UncuttableError from None
    return True


def _names_one(node: dict[str, Any], withheld: Withheld) -> bool:
    return withheld.meant_by(node) or any(
        isinstance(text, str) and withheld.named_in(text)
        for name, value in node.items()
        if name not in OWN
        for text in (value if isinstance(value, list) else [value])
    )


class _Cutting:
    """One record being cut. What goes is found from the leaves up, in one walk."""

    def __init__(self, withheld: Withheld) -> None:
        self._withheld = withheld
        self._gone: set[str] = set()  # `#id` of contained resources that went

    def cut(self, resource: dict[str, Any]) -> None:
        before = set(local_names(resource))
        gone = -1
        while gone != len(self._gone):  # what pointed to a contained resource that went, goes too
            gone = len(self._gone)
            if self._goes(resource, (resource["resourceType"],)):
                raise UncuttableError
        # R4 dom-3: a contained resource is there for a reference to it.
        orphans = before - set(local_names(resource))
        while orphans:
            kept = [c for c in resource.get("contained", ()) if f"#{c.get('id')}" not in orphans]
            if "contained" in resource:
                _put(resource, "contained", kept)
            before -= orphans
            orphans = before - set(local_names(resource))

    def _goes(self, node: dict[str, Any], place: Place) -> bool:
        """Cut inside `node`; whether `node` itself has to go."""
        reference = node.get("reference")
        if self._withheld.meant_by(node) or (
            isinstance(reference, str) and reference in self._gone
        ):
            return True
        before = {name: _length(value) for name, value in node.items()}
        lost = [name for name in before if self._loses(node, name, place)]
        for element, words in self._withheld.beside.items():
            kind, _, name = element.rpartition(".")
            if (
                kind in ("", place[-1])
                and name in before
                and _length(node.get(name)) < before[name]
            ):
                lost += [word for word in words if node.pop(word, None) is not None]
        if not lost:
            return False
        if "modifierExtension" in lost or any(required(*place, name) for name in lost):
            return True
        if (pair := _ONLY_WITH.get(place)) and pair[0] not in node:
            node.pop(pair[1], None)
        return not _says_something(node, place)

    def _loses(self, node: dict[str, Any], name: str, place: Place) -> bool:
        """Cut inside the member `name`; whether anything that its holder may need went."""
        if name not in node:
            return False
        value = node[name]
        if name == "text" and isinstance(value, dict) and "div" in value:
            del node[name]
            return True
        if isinstance(value, str):
            if name in OWN or not self._withheld.named_in(value):
                return False
            del node[name]
            node.pop(f"_{name}", None)
            return True
        if isinstance(value, dict):
            if self._goes(value, _inside(value, name, place)):
                del node[name]
                return True
        elif isinstance(value, list):
            goes = [self._item_goes(item, name, place) for item in value]
            if any(goes):
                if name.startswith("_"):  # beside a list of primitives: positions count
                    kept = [None if out else item for item, out in zip(value, goes, strict=True)]
                else:
                    kept = [item for item, out in zip(value, goes, strict=True) if not out]
                _put(node, name, kept)
                return name not in node or name == "modifierExtension"
        return False

    def _item_goes(self, item: Any, name: str, place: Place) -> bool:
        if isinstance(item, str):
            return self._withheld.named_in(item)
        if not isinstance(item, dict):
            return False
        goes = self._goes(item, _inside(item, name, place))
        if goes and name == "contained":
            self._gone.add(f"#{item.get('id')}")
        return goes


def _inside(node: dict[str, Any], name: str, place: Place) -> Place:
    if isinstance(kind := node.get("resourceType"), str):
        return (kind,)
    if name in _EXTENSIONS:
        return ("Extension",)
    return place if name == place[-1] else (*place, name)  # a section of a section is a section


def _says_something(node: dict[str, Any], place: Place) -> bool:
    if place == ("Extension",):  # R4 ext-1
        return any(name.startswith("value") or name == "extension" for name in node)
    if place in _ONE_OF and not any(name in node for name in _ONE_OF[place]):
        return False
    return any(name not in ("id", "resourceType") for name in node)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else int(value is not None)


def _put(node: dict[str, Any], name: str, items: list[Any]) -> None:
    if any(item is not None for item in items):
        node[name] = items
    else:
        del node[name]
