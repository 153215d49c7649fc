"""Recall of a packet that was sent whole, or to where nothing may be read.

A document is deleted if it stands as we left it, a file if nobody took it. The rest can only be
taken away by the people there: it is listed, and a person says when it is done.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ...store.sent import delivery, recalled
from ...store.sent.recalled import Recalled
from .. import unknown_outcome
from ..evidence.disclosure import conclude
from ..session import Desk, at_destination
from ..whole import document, folder
from ..wire.change import Change, Stands, Theirs, bring
from ..wire.find import read_version
from ..wire.write import retract, settle
from .removal import CHANGED

_TAKEN = "taken from the folder: only those who took it can remove it"
_MESSAGE = "a message can't be taken back"
_UNREAD = "nothing may be read there: nobody can know whether it is ours to remove"
_REMOVED = "removed, as the people there say"


Fates = Callable[[Desk, bool], list[Recalled]]  # what becomes of it; True: it is taken away now


def look(desk: Desk, fates: Fates) -> list[Recalled]:
    """What a recall would do. Writes nothing there."""
    return fates(desk, False)


def recall(desk: Desk, fates_of: Fates) -> list[Recalled]:
    """Take away what can be; what became of it, also kept in the case. As `recall.recall`."""
    said = unknown_outcome.told_if_any(desk)
    fates = fates_of(desk, True)
    if said == "absent":
        fates = [
            fate._replace(fate="gone", why=_REMOVED) if fate.fate == "remains" else fate
            for fate in fates
        ]
    remaining = sum(fate.fate == "remains" for fate in fates)
    with desk.case.commit():
        unknown_outcome.settled(desk)
        recalled.keep(desk.case, fates)
        desk.case.state.unknown_outcome = _ask() if remaining else None
    settle(desk)
    conclude(desk, "recall", len(fates) - remaining, remaining)
    return fates


def _ask() -> dict[str, str]:
    return {"what": "the recalled packet", "why": "only the people there can look, and remove it"}


def unread(desk: Desk, going: bool) -> list[Recalled]:  # noqa: ARG001
    """Records, where nothing may be read."""
    rows = [row for row in delivery.deliveries(desk.case) if row.write_no > 0]
    places = [(row, f"{row.type}/{row.target_id or '?'}") for row in rows]
    return [Recalled(row.type, row.id, place, "remains", _UNREAD) for row, place in places]


def message_of(desk: Desk, going: bool) -> list[Recalled]:  # noqa: ARG001
    """A message."""
    name = (desk.case.state.message or {}).get("name")
    return [_remains(desk, name, _MESSAGE)]


def _remains(desk: Desk, name: str | None, why: str) -> Recalled:
    whole = desk.case.state.whole
    place = whole["place"] if whole else desk.kind
    known = str(name or desk.case.state.packet_hash)
    return Recalled(document.BUNDLE, known, place, "remains", why)


def document_of(desk: Desk, going: bool) -> list[Recalled]:
    """A document; nothing if it never arrived."""
    if not desk.reads:
        return [_remains(desk, None, _UNREAD)]
    with at_destination():
        kept = desk.case.state.whole or document.looked_for(desk)
        return [] if kept is None else [_document(desk, kept, going)]


def _document(desk: Desk, kept: Mapping[str, Any], going: bool) -> Recalled:
    place, name = kept["place"], str(desk.case.state.packet_hash)
    before = {row.place: row.fate for row in recalled.recalled(desk.case)}.get(place)
    there, version = read_version(desk, place)
    if not there:
        ours = before in ("going", "deleted")
        return Recalled(document.BUNDLE, name, place, "deleted" if ours else "gone", "")
    if version is None or version != kept["version"]:
        return Recalled(document.BUNDLE, name, place, "remains", CHANGED)
    words = _delete(desk, place, version) if going else ""
    return Recalled(document.BUNDLE, name, place, "remains" if words else "deleted", words)


def _delete(desk: Desk, place: str, version: str | None) -> str:
    """Delete it in the version that was read. Why it still stands; empty: it is gone."""
    name = str(desk.case.state.packet_hash)
    recalled.keep(desk.case, [Recalled(document.BUNDLE, name, place, "going", "")])
    change = Change(f"{document.BUNDLE}/{name}", place, version, None, Theirs.REMAIN)

    def look(*_: object) -> dict[Change, Stands]:
        there, now = read_version(desk, place)
        stands = Stands.OURS if now == version else Stands.THEIRS
        return {change: stands if there else Stands.DONE}

    with desk.turn:
        brought = bring(
            desk,
            [change],
            lambda some: retract(desk, [one.write() for one in some], "recall"),
            look,
        )
    if brought.theirs:
        return CHANGED
    return f"not deleted: {brought.heard.words}" if brought.left else ""


def file_of(desk: Desk, going: bool) -> list[Recalled]:
    """A file in a folder, if nobody took it."""
    kept = desk.case.state.file or {}
    name = str(kept.get("name") or desk.case.state.packet_hash)
    stands = folder.look(desk, kept)
    if stands is None:
        return [Recalled(document.BUNDLE, name, name, "remains", _TAKEN)]
    path, same = stands
    if not same:
        return [Recalled(document.BUNDLE, name, name, "remains", CHANGED)]
    if going:
        path.unlink()
    return [Recalled(document.BUNDLE, name, name, "deleted", "")]
