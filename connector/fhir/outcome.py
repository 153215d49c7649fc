"""What an OperationOutcome says, in codes of R4 alone (operationoutcome.html). Pure.

Its text, and a code that R4 does not know, may hold anything: a name, an id, an escape sequence of
a terminal. Neither is ever repeated.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from .shapes import as_dict

# valueset-issue-type.html
_CODES = """
    invalid structure required value invariant security login unknown expired forbidden suppressed
    processing not-supported duplicate multiple-matches not-found deleted too-long code-invalid
    extension too-costly business-rule conflict transient lock-error no-store exception timeout
    incomplete throttled informational
"""
_KNOWN = frozenset(_CODES.split())
_MILD = ("warning", "information")
_LEFT_OUT = ("incomplete", "suppressed")


class Issue(NamedTuple):
    """One issue. `code`: one of R4's issue types, or nothing."""

    grave: bool
    code: str

    @property
    def left_out(self) -> bool:
        """Whether something is missing from the answer, whatever severity that is given."""
        return self.grave or self.code in _LEFT_OUT


def issues(outcome: Any) -> list[Issue] | None:
    """The issues of a decoded OperationOutcome; None if it is none, or has no list of them.

    One that can't be understood is grave.
    """
    if not isinstance(outcome, dict) or outcome.get("resourceType") != "OperationOutcome":
        return None
    listed = outcome.get("issue")
    if listed is None:
        return []
    return [_issue(one) for one in listed] if isinstance(listed, list) else None


def codes(found: Iterable[Issue]) -> str:
    """The codes among `found`, each once, for a message; empty where there is none to tell."""
    return ", ".join(sorted({issue.code for issue in found if issue.code}))


def _issue(one: Any) -> Issue:
    said = as_dict(one)
    code = said.get("code")
    known = code if isinstance(code, str) and code in _KNOWN else ""
    return Issue(said.get("severity") not in _MILD, known)
