"""How the sandbox says no: one exception, and the OperationOutcome it becomes."""

from typing import Any

Resource = dict[str, Any]  # one decoded FHIR resource


class Refusal(Exception):
    """A request the sandbox does not carry out: HTTP `status`, issue type `code`, diagnostics.

    Like HAPI's, the diagnostics echo references and parameters; a client must not log them.
    """

    def __init__(self, status: int, code: str, diagnostics: str) -> None:
        super().__init__(diagnostics)
        self.status = status
        self.code = code
        self.diagnostics = diagnostics

    def outcome(self) -> Resource:
        """The OperationOutcome that answers the request."""
        return outcome("error", self.code, self.diagnostics)


def outcome(severity: str, code: str, diagnostics: str) -> Resource:
    """An OperationOutcome with one issue."""
    issue = {"severity": severity, "code": code, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
