"""Read back: each resource by its id there, compared with what was to arrive."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

from ...fhir.equality import OTHER_BASE
from ...fhir.lossless import UndecodableError
from ...progress import Progress, silent
from ...store.ledger.last_written import Written
from ...store.mapped.update import left_behind
from ...store.sent import delivery
from ...store.sent.delivery import ARRIVED, STOOD, Delivery
from ..patient.resolve import check_again
from ..session import Session, at_destination
from ..wire.change import Change
from ..wire.read import AT_ONCE, read, resource, shown, version_of
from ..wire.search_lag import Patience
from ..wire.write import settle
from . import duplicates
from .already_announced import already
from .differences import Finding, must_be_new, must_not_be_theirs, must_not_differ
from .expected import WORKFLOW, Expected, Reading, canonical_sha256, judge
from .last_written import weigh
from .ownership import Whose
from .revise import revise


def read_back(session: Session, progress: Progress = silent) -> None:
    """Read everything sent and not yet verified. Raises `ReadBackDiffers` when all is read.

    Equal is what `fhir.equality.compare` says, once references are the destination's own. What
    stands in an older form of ours is brought up to date and read once more. What is not there any
    more differs. Nothing is announced after a difference. Raises `Held` (`theirs`) before anything
    is written over a record that is not as we left it.
    """
    reader = _Reader(session, Expected(session, None), progress)
    with at_destination():
        found = list(reader.read(delivery.deliveries(session.case, "sent", "accepted", "differs")))
        must_not_be_theirs(found)
        older = [one.revision for one in found if one.revision is not None]
        if older:
            refused = revise(session, older)
            again = {(one.row.type, one.row.id) for one in found if one.revision is not None}
            rows = [row for row in delivery.deliveries(session.case) if (row.type, row.id) in again]
            before = {one.key: one.version for one in older}
            reader = _Reader(
                session, Expected(session, None), progress, refused=refused, before=before
            )
            found += reader.read(rows)
            must_be_new(reader.stale)
            must_not_be_theirs(found)
        settle(session)
        if session.case.state.unclear_write:
            duplicates.hold(session)
    must_not_differ(found)


def verify(session: Session, progress: Progress = silent) -> None:
    """Read everything of ours again, and the Patient, as it is now. Raises `ReadBackDiffers`.

    Raises `Held` (`identity`) if the record under which it stands is another person's or out of
    use by now, or (`doubled`) if something stands there twice. Set aside is what the receiving team
    changes on Task and ServiceRequest as it works on them, and what a later case of ours brought
    up to date.
    """
    check_again(session)
    rows = delivery.deliveries(session.case, "sent", "accepted", *ARRIVED, "differs")
    expected = Expected(session, session.case.state.told_at or session.case.state.announced_at)
    aside = {key: WORKFLOW.get(name, ()) for key, name in expected.signals.items()}
    with at_destination():
        reader = _Reader(session, expected, progress, aside)
        found = list(reader.read([row for row in rows if row.write_no > 0]))
        duplicates.hold(session)
    must_not_differ(found)


@dataclass
class _Reader:
    """Reads many resources, and keeps what each proves in the case file and in the ledger.

    `aside`: given when somebody only looks. `refused`: updates that the destination does not take.
    `before`: versions that a write of ours has replaced, by key: read again while they are shown.
    """

    session: Session
    expected: Expected
    progress: Progress
    aside: Mapping[str, Collection[str]] | None = None
    refused: Mapping[str, str] | None = None
    before: Mapping[str, str | None] = field(default_factory=dict)
    stale: list[Delivery] = field(default_factory=list)  # shown so until patience ended
    _gone: frozenset[str] = field(init=False)
    _patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self._gone = left_behind(self.session.case)
        self._patience = Patience(self.session.settings.search_lag_s)

    def read(self, rows: Sequence[Delivery]) -> Iterator[Finding]:
        """Read `rows`: those that differ."""
        session = self.session
        unfinished = delivery.unfinished(session.case)
        with ThreadPoolExecutor(session.settings.connections) as pool:
            for start in range(0, len(rows), AT_ONCE):
                some = rows[start : start + AT_ONCE]
                shown = self._shown(pool, some)
                rest = [row for row in some if row not in shown]
                bodies = pool.map(self._read, rest)
                judged: list[tuple[Delivery, Reading, Whose | None, Change | None]] = [
                    (row, self._noted(row, shown[row]), None, None) for row in shown
                ]
                judged += [
                    (row, *self._judged(row, body, unfinished.get(f"{row.type}/{row.id}")))
                    for row, body in zip(rest, bodies, strict=True)
                ]
                self._keep(judged)
                self.progress("read back", start + len(some), len(rows))
                for row, reading, verdict, revision in judged:
                    if verdict not in (None, Whose.NEWER):
                        yield Finding(row, verdict, revision, reading.note)

    def _read(self, row: Delivery) -> bytes | None:
        body = read(self.session, f"{row.type}/{row.target_id}")
        while body is not None and self._stale(row, body) and self._patience.again():
            body = read(self.session, f"{row.type}/{row.target_id}")
        if body is not None and self._stale(row, body):
            self.stale.append(row)
        return body

    def _stale(self, row: Delivery, body: bytes) -> bool:
        key = f"{row.type}/{row.id}"
        before = None if key in (self.refused or {}) else self.before.get(key)
        if before is None or before == row.version:
            return False
        try:
            return version_of(resource(body)) == before
        except UndecodableError:
            return False  # it differs

    def _shown(self, pool: Executor, rows: Sequence[Delivery]) -> dict[Delivery, Reading]:
        """What a search shows as it should be: proved. All the rest is read by itself.

        Not for one who only looks: a search index may lag behind what stands.
        """
        if self.aside is not None:
            return {}
        readings = {
            row: judge(
                row.target_id,
                self.expected.of(f"{row.type}/{row.id}"),
                body,
                self.session.settings.base_url,
            )
            for row, body in shown(self.session, pool, rows).items()
        }
        return {row: reading for row, reading in readings.items() if reading.status != "differs"}

    def _judged(
        self, row: Delivery, body: bytes | None, missing: Collection[str] | None
    ) -> tuple[Reading, Whose | None, Change | None]:
        key = f"{row.type}/{row.id}"
        if self.aside is not None and body is not None and _as_before(row, body):
            return self._proved(row, body), None, None
        wanted = self.expected.of(key)
        aside = (self.aside or {}).get(key, ())
        reading = judge(row.target_id, wanted, body, self.session.settings.base_url, aside)
        verdict, revision = None, None
        if self.aside is None and (out := already(self.session, self.expected, row, body)):
            return self._noted(row, out), None, None
        if reading.status == "differs":
            first = self.expected.first(key, missing) if missing is not None else None
            reading, verdict, wanted = weigh(
                self.session,
                row,
                body,
                wanted,
                first,
                aside,
                self._gone,
                only_look=self.aside is not None,
            )
        if verdict is Whose.OLDER:
            words = (self.refused or {}).get(key)
            if self.aside is not None or words is not None:
                verdict = Whose.ALTERED
                reading = reading._replace(note=words or "")
            else:
                revision = Change(key, f"{row.type}/{row.target_id}", reading.version, wanted)
        return self._noted(row, reading), verdict, revision

    def _proved(self, row: Delivery, body: bytes) -> Reading:
        sent, read = str(row.sent_sha256), str(row.read_sha256)
        return self._noted(
            row, Reading(row.status, sent, read, version_of(resource(body)), row.note)
        )

    def _noted(self, row: Delivery, reading: Reading) -> Reading:
        # That it stood there counts for more than the form in which it is written.
        minor = reading.status == "form-changed" or reading.note in ("", OTHER_BASE)
        note = STOOD if row.note == STOOD and minor else reading.note
        # The version our write made is kept: it is what a later write has to find (If-Match).
        return reading._replace(version=row.version or reading.version, note=note)

    def _keep(
        self, judged: Iterable[tuple[Delivery, Reading, Whose | None, Change | None]]
    ) -> None:
        session, left = self.session, (None, Whose.ALTERED)
        if self.aside is None:
            session.wrote(
                _as_read(row, r)
                for row, r, whose, _ in judged
                if whose in left and r.status != "theirs"
            )
        with session.case.commit():
            delivery.read_back(
                session.case, ((row.type, row.id, *reading) for row, reading, _, _ in judged)
            )
            delivery.finish(
                session.case, ((row.type, row.id) for row, _, whose, _ in judged if whose is None)
            )


def _as_before(row: Delivery, body: bytes) -> bool:
    """Whether a resource stands as it was proved before: then it is proved again.

    What an earlier packet brought is told by this, though a neighbour of it has moved since.
    """
    proved = row.status in ARRIVED
    return proved and canonical_sha256(body) == row.read_sha256


def _as_read(row: Delivery, reading: Reading) -> Written:
    place = f"{row.type}/{row.target_id}"
    return Written(
        f"{row.type}/{row.id}", place, reading.version, reading.sent_sha256, reading.read_sha256
    )
