"""Recall of a packet that was sent whole, or to where nothing may be read.

A document is deleted if it stands as we left it, a file if nobody took it. The rest can only be
taken away by the people there: it is listed, and a person says when it is done.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from ...progress import Progress, silent
from ...store import delivery, recalled
from ...store.recalled import Recalled
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


def look(desk: Desk) -> list[Recalled]:
    """What a recall would do. Writes nothing there."""
    return _by_kind(desk, lambda *_: "", lambda _: None)


def recall(desk: Desk, at: str, progress: Progress = silent) -> list[Recalled]:  # noqa: ARG001
    """Take away what can be; what became of it, also kept in the case. As `recall.recall`."""
    said = unknown_outcome.told_if_any(desk)
    fates = _by_kind(desk, partial(_delete, desk), Path.unlink)
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


def _by_kind(
    desk: Desk, delete: Callable[[str, str | None], str], unlink: Callable[[Path], None]
) -> list[Recalled]:
    if desk.kind == "files":
        return [_file(desk, unlink)]
    if desk.kind == "document" and desk.reads:
        with at_destination():
            return [fate] if (fate := _document(desk, delete)) else []
    if desk.kind == "transaction":
        rows = [row for row in delivery.deliveries(desk.case) if row.write_no > 0]
        places = [(row, f"{row.type}/{row.target_id or '?'}") for row in rows]
        return [Recalled(row.type, row.id, place, "remains", _UNREAD) for row, place in places]
    name = str((desk.case.state.message or {}).get("name") or desk.case.state.packet_hash)
    place = desk.case.state.whole["place"] if desk.case.state.whole else desk.kind
    why = _MESSAGE if desk.kind == "message" else _UNREAD
    return [Recalled(document.BUNDLE, name, place, "remains", why)]


def _document(desk: Desk, delete: Callable[[str, str | None], str]) -> Recalled | None:
    """None: it never arrived."""
    kept = desk.case.state.whole or document.looked_for(desk)
    if kept is None:
        return None
    place, name = kept["place"], str(desk.case.state.packet_hash)
    before = {row.place: row.fate for row in recalled.recalled(desk.case)}.get(place)
    there, version = read_version(desk, place)
    if not there:
        ours = before in ("going", "deleted")
        return Recalled(document.BUNDLE, name, place, "deleted" if ours else "gone", "")
    if version is None or version != kept["version"]:
        return Recalled(document.BUNDLE, name, place, "remains", CHANGED)
    words = delete(place, version)
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


def _file(desk: Desk, unlink: Callable[[Path], None]) -> Recalled:
    kept = desk.case.state.file or {}
    name = str(kept.get("name") or desk.case.state.packet_hash)
    stands = folder.look(desk, kept)
    if stands is None:
        return Recalled(document.BUNDLE, name, name, "remains", _TAKEN)
    path, same = stands
    if not same:
        return Recalled(document.BUNDLE, name, name, "remains", CHANGED)
    unlink(path)
    return Recalled(document.BUNDLE, name, name, "deleted", "")
