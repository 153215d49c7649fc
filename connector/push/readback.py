"""Read back: each resource by its id there, compared with what was to arrive."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..errors import ReadBackDiffers
from ..progress import Progress, silent
from ..store import delivery
from ..store.delivery import Delivery
from .desk import REQUEST, TASK, Desk, at_destination
from .expected import Expected, Reading, judge
from .identity import check_again
from .lookup import read

# How many are read between two commits: what a crash makes us read again.
_AT_ONCE = 64

# What the receiving team changes while it works on the request (R4 task.html#statemachine): their
# work is no difference in what we delivered.
_WORKFLOW = {
    REQUEST: frozenset({"status"}),
    TASK: frozenset(
        {"status", "statusReason", "businessStatus", "owner", "output", "note", "lastModified"}
        | {"executionPeriod"}
    ),
}


def read_back(desk: Desk, progress: Progress = silent) -> None:
    """Read everything sent and not yet verified. Raises `ReadBackDiffers` when all is read.

    Equal is what `fhir.equality.compare` says, once references are the destination's own. What
    is not there any more differs. Nothing is announced after a difference.
    """
    rows = delivery.deliveries(desk.case, "sent", "differs")
    _read_all(desk, rows, Expected(desk, None), {}, progress)


def verify(desk: Desk, progress: Progress = silent) -> None:
    """Read everything of ours again, and the Patient, as it is now. Raises `ReadBackDiffers`.

    Raises `Held` (`identity`) if the record under which it stands is another person's or out of
    use by now.
    Set aside is what the receiving team changes on Task and ServiceRequest as it works on them.
    """
    check_again(desk)
    rows = delivery.deliveries(desk.case, "sent", "verified", "precision-changed", "differs")
    expected = Expected(desk, desk.case.fact("announced_at"))
    aside = {key: _WORKFLOW[name] for key, name in expected.signals.items()}
    _read_all(desk, [row for row in rows if row.write_no > 0], expected, aside, progress)


def _read_all(
    desk: Desk,
    rows: Sequence[Delivery],
    expected: Expected,
    aside: Mapping[str, Collection[str]],
    progress: Progress,
) -> None:
    def one(row: Delivery) -> Reading:
        key = f"{row.type}/{row.id}"
        body = read(desk, f"{row.type}/{row.target_id}")
        reading = judge(row.target_id, expected.of(key), body, aside.get(key, ()))
        # The version our write made is kept: it is what a later write has to find (If-Match).
        return reading._replace(version=row.version or reading.version)

    differing: Counter[str] = Counter()
    with at_destination(), ThreadPoolExecutor(desk.settings.connections) as pool:
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            read_now = list(zip(some, pool.map(one, some), strict=True))
            delivery.read_back(desk.case, ((row.type, row.id, *r) for row, r in read_now))
            differing.update(row.type for row, r in read_now if r.status == "differs")
            progress("read back", start + len(some), len(rows))
    if differing:
        counts = ", ".join(f"{count} {name}" for name, count in sorted(differing.items()))
        raise ReadBackDiffers(
            f"what stands at the destination is not what was sent: {counts}",
            "Ask the people who run the destination what changes or removes such records.",
        )
