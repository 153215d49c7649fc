"""What an OperationOutcome says that was left out. Pure."""

from typing import Any

from ..fhir.lossless import UndecodableError, decode
from .records import UNREADABLE, Problem

# R4 valueset-issue-type.html. Any other text may hold anything, and is not repeated.
_LISTED = """
invalid structure required value invariant security login unknown expired forbidden suppressed
processing not-supported duplicate multiple-matches not-found deleted too-long code-invalid
extension too-costly business-rule conflict transient lock-error no-store exception timeout
incomplete throttled informational
"""
_CODES = frozenset(_LISTED.split())
# These mean that results were left out, whatever severity they are given.
_LEFT_OUT = ("incomplete", "suppressed")


def missing(body: bytes) -> Problem | None:
    """The problem that an OperationOutcome tells; None where it only warns: nothing is lost."""
    try:
        grave = sorted({_code(issue) for issue in _issues(decode(body)) if _is_grave(issue)})
    except UndecodableError:
        return UNREADABLE
    if not grave:
        return None
    codes = ", ".join(grave)
    return Problem("failed", f"the server said that results are missing ({codes})")


def _issues(outcome: Any) -> list[dict[str, Any]]:
    found = outcome.get("issue") if isinstance(outcome, dict) else None
    items = found if isinstance(found, list) else [found]
    return [issue for issue in items if isinstance(issue, dict)]


def _is_grave(issue: dict[str, Any]) -> bool:
    return issue.get("severity") in ("error", "fatal") or issue.get("code") in _LEFT_OUT


def _code(issue: dict[str, Any]) -> str:
    code = issue.get("code")
    return code if isinstance(code, str) and code in _CODES else "no known code"
