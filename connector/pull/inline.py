"""Documents inside their records: whether whoever receives them can open them."""

from ..fhir import base64binary
from ..fhir.lossless import decode
from ..fhir.references import attachment_nodes
from ..store import chart
from .context import Gathering

_NO_BASE64 = "what it holds is no base64, so nobody can open it"
_OTHER_BASE64 = "its base64 is not as FHIR has it: sent as it is, the receiver may not open it"


def tell(pull: Gathering) -> None:
    """Tell of each that is not base64, or not as FHIR R4 has it. Looks at the whole chart."""
    hint = "instr(body, CAST('\"data\"' AS BLOB)) > 0"
    for key in pull.case.rows(f"SELECT type, id FROM record WHERE {hint}"):  # noqa: S608 - ours
        record = chart.record(pull.case, *key)
        assert record is not None
        for attachment in attachment_nodes(decode(record.body)):
            data = attachment.get("data")
            if not isinstance(data, str) or base64binary.is_base64(data):
                continue
            why = _OTHER_BASE64 if base64binary.content(data) is not None else _NO_BASE64
            pull.missing.add("attachment", f"in {record.type}", "failed", why)
