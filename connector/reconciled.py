"""What receipts say of the records of a case: the hashes by which they are known for ours."""

from collections.abc import Sequence
from pathlib import Path

from .errors import UsageError
from .job import Job
from .push.evidence import receipt_check
from .store.case.casefile import CaseFile


def hashes(job: Job, case: CaseFile, named: Sequence[Path]) -> dict[str, set[str]]:
    """Key → SHA-256 as read back, of the receipts `named` and those in the case folder.

    `UsageError` if one that was named can't be read, was changed, or is of another case.
    """
    found: dict[str, set[str]] = {}
    own = [path for path in sorted(case.folder.glob("receipt*.json")) if path not in named]
    for path in (*named, *own):
        try:
            checked = receipt_check.check(path.read_bytes())
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}", "Name a file that can be read.") from None
        if checked.wrong:
            raise UsageError(
                f"{path}: not as it was written", "Look at it: `connector receipt check FILE`."
            )
        ends = checked.values["case"], checked.values["destination"]["id"]
        if ends != (job.handle, str(job.destination.id)):
            raise UsageError(
                f"{path}: the receipt of another case or destination", "Name one of this case."
            )
        for line in checked.values["resources"]:
            if line["sha256_read"]:
                found.setdefault(line["packet"], set()).add(line["sha256_read"])
    return found
