"""`$process-message` (FHIR R4 messageheader-operation-process-message.html, messaging.html)."""

import uuid

from connector.fhir.lossless import encode
from connector.sandbox.exchange import Response
from connector.sandbox.outcome import Refusal, Resource, outcome

from .quirks import Quirks


class Messages:
    """The messages of one sandbox: what was processed, and what was answered to each."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._codes = list(quirks.message_codes)
        self._answers: dict[tuple[str, str], Response] = {}
        self.processed: list[Resource] = []

    def process(self, bundle: Resource) -> Response:
        """Answer a message; one that came before, as before, if this server knows them again.

        R4: both ids as before is the same message sent again; another Bundle.id around the same
        MessageHeader.id is one to be processed anew.
        """
        entries = bundle.get("entry") or [{}]
        header = entries[0].get("resource", {})
        if bundle.get("type") != "message" or header.get("resourceType") != "MessageHeader":
            raise Refusal(400, "structure", "A message begins with its MessageHeader")
        ids = str(bundle.get("id")), str(header["id"])
        if self._quirks.messages and ids in self._answers:
            return self._answers[ids]
        code = self._codes.pop(0) if self._codes else "ok"
        if code == "ok":
            self.processed.append(bundle)
        answer = _answer(ids[1], code)
        self._answers[ids] = answer if self._quirks.message_answers else Response(202)
        return self._answers[ids]


def _answer(message_id: str, code: str) -> Response:
    result = outcome("error", "business-rule", "The message was about somebody")
    header: Resource = {
        "resourceType": "MessageHeader",
        "id": str(uuid.uuid4()),
        "eventUri": "urn:answer",
        "source": {"endpoint": "urn:sandbox"},
        "response": {"identifier": message_id, "code": code},
    }
    resources = [header] if code == "ok" else [header, result]
    bundle = {
        "resourceType": "Bundle",
        "id": str(uuid.uuid4()),
        "type": "message",
        "entry": [{"resource": resource} for resource in resources],
    }
    return Response(200, encode(bundle))
