"""What an OperationOutcome says that was left out. Pure."""

from ..fhir.lossless import UndecodableError, decode
from ..fhir.outcome import codes, issues
from ..gap import GapKind
from .records import UNREADABLE, Problem


def missing(body: bytes) -> Problem | None:
    """The problem that an OperationOutcome tells; None where it only warns: nothing is lost."""
    try:
        said = issues(decode(body))
    except UndecodableError:
        return UNREADABLE
    if said is None:
        return UNREADABLE
    grave = [issue for issue in said if issue.left_out]
    if not grave:
        return None
    told = codes(grave) or "no code"
    return Problem(GapKind.FAILED, f"the server said that results are missing ({told})")
