"""A packet that leaves by another way than a push: as a Bundle or as files the patient carries."""

from pathlib import Path

from .. import packet
from ..errors import Held, UsageError
from ..job import Job
from ..store.casefile import CaseFile
from ..store.lock import only_one


def export(job: Job, shape: packet.Shape, path: Path) -> None:
    """Write the packet of a mapped case to `path`.

    Raises `Held` when a person has to approve it first, as before a push, and `UsageError` when
    there is no packet yet or something stands at `path`.
    """
    with only_one(job.folder / "lock", "this case"), CaseFile.open(job.folder) as case:
        if not case.fact("mapped"):
            raise UsageError("the case has no packet yet", "Author it: `connector map REQUEST`.")
        approval = case.fact("approval") or {}
        if job.destination.release != "auto" and approval.get("hash") != case.fact("packet_hash"):
            raise Held(
                "approval",
                "nobody has approved the packet as it is now",
                "Look at it with `connector transfer REQUEST --dry-run`, then approve its hash.",
            )
        packet.write(case, shape, path)
