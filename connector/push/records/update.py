"""Before and after an update is sent: what the receiving team did to what stands there.

What they changed is theirs and stays; what they deleted stays away. A record that was corrected at
the source since goes anew beside theirs; one that stands as we left it is brought up to date by
`read_back`, over the very version that was read.
"""

from dataclasses import dataclass, field

from ...errors import Held
from ...progress import Progress, silent
from ...store.ledger.last_written import Written
from ...store.mapped import packet, update
from ...store.sent import delivery
from ...store.sent.delivery import ARRIVED, Delivery
from ..session import ENDED, REQUEST, TASK, Session, at_destination, key_of, parts
from ..wire.read import read, resource, standing, version_of
from .expected import Expected, canonical_sha256, judge
from .ownership import There, as_left

_STANDING = (*ARRIVED, "differs")
# There is one record of a person, an organisation, a place: theirs is it, a second one would be a
# double, however ours was corrected.
_REGISTRY = frozenset(
    {"Patient", "RelatedPerson", "Practitioner", "PractitionerRole", "Organization", "Location"}
)


def catch_up(session: Session, progress: Progress = silent) -> None:
    """Read all that stands there, and take note of what they changed or deleted.

    Raises `Held` (`ended`) if the request is over there: then nothing more may leave.
    """
    with at_destination():
        _still_asked(session)
        found = _look(session, progress)
    corrected = update.changed(session.case)
    renewed = {new: old for old, new in update.renewed(session.case).items()}
    in_error = _in_error(session)
    anew = {
        origin
        for key in (*found.theirs, *found.removed)
        if (origin := renewed.get(key, key)) in corrected
        and origin not in in_error
        and origin.partition("/")[0] not in _REGISTRY
    }
    session.wrote(found.unheard)
    with session.case.commit():
        delivery.leave(
            session.case, map(parts, found.theirs), "theirs", "changed at the destination"
        )
        delivery.leave(
            session.case, map(parts, found.removed), "removed", "deleted at the destination"
        )
        delivery.read_back(
            session.case,
            (
                (*parts(one.record), "verified", one.sent or "", one.content or "", one.version, "")
                for one in found.unheard
            ),
        )
        update.renew(session.case, anew, update.number(session.case))


def refresh(session: Session) -> None:
    """Mark what stands there in another form than it should now have, for `read_back`.

    For records that were corrected, and those that refer to something that went anew. Call it when
    everything new is there.
    """
    expected = Expected(session, None)
    names = packet.names(session.case).keys()
    held = {*names, *update.renewed(session.case).values()}
    stale = [
        (row.type, row.id)
        for row in delivery.deliveries(session.case, *ARRIVED)
        if row.write_no > 0
        and (key := f"{row.type}/{row.id}") not in expected.signals
        and (key in held or row.type == "Binary")
        and canonical_sha256(expected.of(key)) != row.sent_sha256
    ]
    delivery.unsettled(session.case, stale)


def _still_asked(session: Session) -> None:
    rows = {f"{row.type}/{row.id}": row for row in delivery.deliveries(session.case)}
    for name in (REQUEST, TASK):
        row = rows[key_of(session.authored(name))]
        body = read(session, f"{name}/{row.target_id}")
        if body is None or resource(body).get("status") in ENDED[name]:
            raise Held(
                "ended",
                f"the {name} is ended or gone at the destination: nothing more is sent to them",
                "Talk to the receiving team; `connector cancel` the case, or ask anew under a new"
                " request_id.",
            )


@dataclass
class _Found:
    """Keys of what they changed and deleted; and what stands as we meant it without our knowing:
    an earlier run ended before it heard the answer.
    """

    theirs: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unheard: list[Written] = field(default_factory=list)


def _look(session: Session, progress: Progress) -> _Found:
    expected = Expected(session, None)
    rows = [
        row
        for row in delivery.deliveries(session.case, *_STANDING)
        if row.write_no > 0 and f"{row.type}/{row.id}" not in expected.signals
    ]
    found = _Found()
    for number, (row, body) in enumerate(standing(session, rows), 1):
        key = f"{row.type}/{row.id}"
        if body is None:
            found.removed.append(key)
        elif row.status == "differs" and (meant := _as_meant(session, expected, row, body)):
            found.unheard.append(meant)
        elif not _ours(session, row, body):
            # As it is to become: an earlier run of ours that this store knows nothing of.
            if meant := _as_meant(session, expected, row, body):
                found.unheard.append(meant)
            else:
                found.theirs.append(key)
        progress("catch up", number, len(rows))
    return found


def _as_meant(session: Session, expected: Expected, row: Delivery, body: bytes) -> Written | None:
    """A resource as we left it, if it stands as it was to become."""
    key = f"{row.type}/{row.id}"
    reading = judge(row.target_id, expected.of(key), body, session.settings.base_url)
    if reading.status == "differs" and reading.read_sha256 != row.sent_sha256:
        return None
    place, sent = f"{row.type}/{row.target_id}", row.sent_sha256 or reading.sent_sha256
    return Written(key, place, reading.version, sent, reading.read_sha256)


def _ours(session: Session, row: Delivery, body: bytes) -> bool:
    """Whether a resource stands as this case, or another of ours, left it."""
    version, content = version_of(resource(body)), canonical_sha256(body)
    proved = row.status != "differs" and content == row.read_sha256
    if proved or (version is not None and version == row.version):
        return True
    key = f"{row.type}/{row.id}"
    known = session.known([key]).get(key)
    there = There(f"{row.type}/{row.target_id}", version, content)
    return known is not None and as_left(there, known, session.ledger.keyed)


def _in_error(session: Session) -> set[str]:
    """Keys of what is in the packet only to say that it was entered in error."""
    sources = {f"{d.type}/{d.id}" for d in packet.decisions(session.case, "entered-in-error")}
    return {key for key, source in packet.names(session.case).items() if source in sources}
