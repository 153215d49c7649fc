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
from ..session import Session, at_destination
from ..whole import document, folder
from ..wire.change import Change, Stands, Theirs, bring
from ..wire.read import read_version
from ..wire.write import retract, settle
from .removal import CHANGED

_TAKEN = "taken from the folder: only those who took it can remove it"
_MESSAGE = "a message can't be taken back"
_UNREAD = "nothing may be read there: nobody can know whether it is ours to remove"
_REMOVED = "removed, as the people there say"


Fates = Callable[[Session, bool], list[Recalled]]  # what becomes of it; True: it is taken away now


def look(session: Session, fates: Fates) -> list[Recalled]:
    """What a recall would do. Writes nothing there."""
    return fates(session, False)


def recall(session: Session, fates_of: Fates) -> list[Recalled]:
    """Take away what can be; what became of it, also kept in the case. As `recall.recall`."""
    said = unknown_outcome.told_if_any(session)
    fates = fates_of(session, True)
    if said == "absent":
        fates = [
            fate._replace(fate="gone", why=_REMOVED) if fate.fate == "remains" else fate
            for fate in fates
        ]
    remaining = sum(fate.fate == "remains" for fate in fates)
    with session.case.commit():
        unknown_outcome.settled(session)
        recalled.keep(session.case, fates)
        session.case.state.unknown_outcome = _ask() if remaining else None
    settle(session)
    conclude(session, "recall", len(fates) - remaining, remaining)
    return fates


def _ask() -> dict[str, str]:
    return {"what": "the recalled packet", "why": "only the people there can look, and remove it"}


def unread(session: Session, going: bool) -> list[Recalled]:  # noqa: ARG001
    """Records, where nothing may be read."""
    rows = [row for row in delivery.deliveries(session.case) if row.write_no > 0]
    places = [(row, f"{row.type}/{row.target_id or '?'}") for row in rows]
    return [Recalled(row.type, row.id, place, "remains", _UNREAD) for row, place in places]


def message_of(session: Session, going: bool) -> list[Recalled]:  # noqa: ARG001
    """A message."""
    name = (session.case.state.message or {}).get("name")
    return [_remains(session, name, _MESSAGE)]


def _remains(session: Session, name: str | None, why: str) -> Recalled:
    whole = session.case.state.whole
    place = whole["place"] if whole else session.kind
    known = str(name or session.case.state.packet_hash)
    return Recalled(document.BUNDLE, known, place, "remains", why)


def document_of(session: Session, going: bool) -> list[Recalled]:
    """A document; nothing if it never arrived."""
    if not session.reads:
        return [_remains(session, None, _UNREAD)]
    with at_destination():
        kept = session.case.state.whole or document.looked_for(session)
        return [] if kept is None else [_document(session, kept, going)]


def _document(session: Session, kept: Mapping[str, Any], going: bool) -> Recalled:
    place, name = kept["place"], str(session.case.state.packet_hash)
    before = {row.place: row.fate for row in recalled.recalled(session.case)}.get(place)
    there, version = read_version(session, place)
    if not there:
        ours = before in ("going", "deleted")
        return Recalled(document.BUNDLE, name, place, "deleted" if ours else "gone", "")
    if version is None or version != kept["version"]:
        return Recalled(document.BUNDLE, name, place, "remains", CHANGED)
    words = _delete(session, place, version) if going else ""
    return Recalled(document.BUNDLE, name, place, "remains" if words else "deleted", words)


def _delete(session: Session, place: str, version: str | None) -> str:
    """Delete it in the version that was read. Why it still stands; empty: it is gone."""
    name = str(session.case.state.packet_hash)
    recalled.keep(session.case, [Recalled(document.BUNDLE, name, place, "going", "")])
    change = Change(f"{document.BUNDLE}/{name}", place, version, None, Theirs.REMAIN)

    def look(*_: object) -> dict[Change, Stands]:
        there, now = read_version(session, place)
        stands = Stands.OURS if now == version else Stands.THEIRS
        return {change: stands if there else Stands.DONE}

    with session.turn:
        brought = bring(
            session,
            [change],
            lambda some: retract(session, [one.write() for one in some], "recall"),
            look,
        )
    if brought.theirs:
        return CHANGED
    return f"not deleted: {brought.heard.words}" if brought.left else ""


def file_of(session: Session, going: bool) -> list[Recalled]:
    """A file in a folder, if nobody took it."""
    kept = session.case.state.file or {}
    name = str(kept.get("name") or session.case.state.packet_hash)
    stands = folder.look(session, kept)
    if stands is None:
        return [Recalled(document.BUNDLE, name, name, "remains", _TAKEN)]
    path, same = stands
    if not same:
        return [Recalled(document.BUNDLE, name, name, "remains", CHANGED)]
    if going:
        path.unlink()
    return [Recalled(document.BUNDLE, name, name, "deleted", "")]
