"""Recall: after a wrong disclosure, take away what we brought and nobody changed since.

First the request is taken back, then everything goes, referrers first. What something that stays
refers to is emptied and marked entered-in-error. What was changed there, or is another case's as
well, stays as it is and is listed. No patient is compared first: a wrong one is a reason to recall,
and only what stands as we left it is touched.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor

from ...fhir.attachments import attachments
from ...fhir.lossless import decode, encode
from ...fhir.mistake import entered_in_error
from ...fhir.references import spans
from ...progress import Progress, silent
from ...store.sent import delivery, recalled
from ...store.sent.delivery import STOOD, Delivery
from ...store.sent.elsewhere import Elsewhere, elsewhere
from ...store.sent.recalled import Recalled
from ..evidence.disclosure import conclude
from ..patient.resolve import settle_way
from ..records.deliver import settle as settle_delivery
from ..records.expected import canonical_sha256, content_sha256
from ..session import TASK, Session, at_destination
from ..wire.limits import limits_of
from ..wire.read import read, resource, version_of
from ..wire.write import settle
from .cancel import take_back
from .removal import CHANGED, NEEDED, SHARED, Removal
from .removal_plan import Plan, There, plan

_AT_ONCE = 64


def look(session: Session) -> list[Recalled]:
    """What a recall would do with each resource, by what is read now. Writes nothing there.

    `fate` is what is aimed at; the destination may refuse a deletion and get a mark instead.
    """
    settle_delivery(session)
    with at_destination():
        removal, made = _survey(session, silent)
    return _aimed(removal, made)


def _aimed(removal: Removal, made: Plan) -> list[Recalled]:
    for place in made.mark:
        removal.fate(place, "marked", NEEDED)
    for place in (place for group in made.delete for place in group):
        removal.fate(place, "deleted")
    return sorted(removal.fates.values())


def recall(session: Session, at: str, progress: Progress = silent) -> list[Recalled]:
    """Recall the packet. `at`: FHIR dateTime. What became of each resource, also kept in the case.

    Resumable after any crash: what an earlier run did is settled by reading. Raises
    `DestinationRefused`, `Waiting`, `Held` (`theirs`), `LockHeld`.
    """
    with at_destination():
        settle_way(session)
    take_back(session, at)
    with at_destination():
        removal, made = _survey(session, progress)
        for place in made.mark:
            removal.mark(place)
        done, total = 0, sum(map(len, made.delete))
        for together in _writes(session, made.delete):
            removal.delete(together)
            done += len(together)
            progress("recall", done, total)
        settle(session)
    removal.keep(list(removal.fates))
    fates = recalled.recalled(session.case)
    remaining = Counter(row.fate for row in fates)["remains"]
    conclude(session, "recall", len(fates) - remaining, remaining)
    return fates


def recall_some(
    session: Session, keys: Collection[str], progress: Progress = silent
) -> list[Recalled]:
    """Recall only these (`Type/<derived id>`); the request and all else stay. As `recall`.

    What of the rest refers to one of them is what stays: that one is emptied and marked.
    """
    with at_destination():
        settle_way(session)
        settle_delivery(session)
        removal, made = _survey(session, progress, keys)
        for place in made.mark:
            removal.mark(place)
        for together in _writes(session, made.delete):
            removal.delete(together)
        settle(session)
    removal.keep(list(removal.fates))
    fates = sorted(removal.fates.values())
    remaining = sum(row.fate in ("remains", "kept") for row in fates)
    conclude(session, "recall", len(fates) - remaining, remaining)
    return fates


def look_at_some(session: Session, keys: Collection[str]) -> list[Recalled]:
    """What `recall_some` would do. Writes nothing there."""
    settle_delivery(session)
    with at_destination():
        removal, made = _survey(session, silent, keys)
    return _aimed(removal, made)


def _survey(
    session: Session, progress: Progress, only: Collection[str] | None = None
) -> tuple[Removal, Plan]:
    """Read everything of this case that stands there, and plan what becomes of it.

    `only`: keys of what is to go; then the rest stays, and has no fate.
    """
    ours = _Ours(session)
    removal, found = Removal(session), list[There]()
    rows = [row for row in ours.rows if row.target_id is not None]
    with ThreadPoolExecutor(session.settings.connections) as pool:
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            bodies = pool.map(lambda row: read(session, f"{row.type}/{row.target_id}"), some)
            for row, body in zip(some, bodies, strict=True):
                place = f"{row.type}/{row.target_id}"
                removal.rows[place] = row
                asked = only is None or f"{row.type}/{row.id}" in only
                if body is None and not asked:
                    continue
                if body is None:
                    removal.fate(place, "deleted" if ours.was_going(row) else "gone")
                    continue
                there = ours.judge(row, place, body)
                if not asked:
                    found.append(there._replace(stays=NEEDED))
                    continue
                removal.versions[place] = version_of(resource(body))
                found.append(there)
                if there.stays:
                    fate = "remains" if there.stays == CHANGED else "kept"
                    removal.fate(place, fate, there.stays)
            progress("read", start + len(some), len(rows))
    made = plan(found)
    for place in made.held:
        removal.fate(place, "kept", NEEDED)
    return removal, made


class _Ours:
    """What we brought, and whether it is ours to take away as it stands there."""

    def __init__(self, session: Session) -> None:
        self._others = elsewhere(session.case)
        self.rows = _rows(session, self._others)
        self._known = session.known(f"{row.type}/{row.id}" for row in self.rows)
        self._before = {(row.type, row.id): row.fate for row in recalled.recalled(session.case)}
        self._ended = frozenset(session.case.state.cancel_contents)  # what ending them made of them

    def was_going(self, row: Delivery) -> bool:
        """Whether it is we who deleted what is not there any more."""
        return self._before.get((row.type, row.id)) in ("going", "deleted")

    def judge(self, row: Delivery, place: str, body: bytes) -> There:
        """What was read of `row`, with why it stays, if it does."""
        marked = None if row.type == TASK else entered_in_error(decode(body))
        emptied = None if marked is None else encode(marked)
        left = None if emptied is None else _refers(emptied)
        return There(place, _refers(body), left, self._why_not(row, place, body, emptied))

    def _why_not(self, row: Delivery, place: str, body: bytes, emptied: bytes | None) -> str:
        if (row.type, row.id) in self._others.live:
            return SHARED
        if row.note == STOOD and place not in self._others.recalled:
            return "it stood there before this case"
        content = canonical_sha256(body)
        if emptied is not None and canonical_sha256(emptied) == content:
            return ""  # our own mark, of an earlier run
        version = version_of(resource(body))
        if version is None:
            ended = content_sha256(body) in self._ended
            return "" if ended or content == row.read_sha256 else CHANGED
        versions = {row.version, *self._others.recalled.get(place, ())}
        if known := self._known.get(f"{row.type}/{row.id}"):
            versions.add(known.version)
        return "" if version in versions else CHANGED


def _writes(session: Session, groups: list[list[str]]) -> Iterator[list[str]]:
    """Deletions that leave together; outside of a transaction each one alone."""
    if session.way() != "transaction":
        yield from ([place] for group in groups for place in group)
        return
    limit, together = limits_of(session).entries, list[str]()
    for group in groups:
        if together and len(together) + len(group) > limit:
            yield together
            together = []
        together = [*together, *group]
    if together:
        yield together


def _rows(session: Session, others: Elsewhere) -> list[Delivery]:
    """What we wrote: the packet's resources, and the Task by which it was cancelled.

    Also a Patient that was there already, if only a recalled case of ours had brought it.
    """
    rows = [
        row
        for row in delivery.deliveries(session.case)
        if row.write_no > 0 or f"{row.type}/{row.target_id}" in others.recalled
    ]
    abort = session.case.state.abort
    if abort is None:
        return rows
    place = abort["target_id"], abort["version"]
    return [*rows, Delivery(TASK, abort["id"], 1, *place, None, None, "verified", "")]


def _refers(body: bytes) -> frozenset[str]:
    """What a resource points to: references, and attachments that went ahead as a Binary."""
    urls = {str(attachment["url"]) for attachment in attachments(body)}
    return frozenset(urls | {span.value for span in spans(body)})
