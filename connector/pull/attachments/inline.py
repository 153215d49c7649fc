"""Documents inside their records: are they the patient's, and can the receiver open them?"""

from typing import Any

from ...errors import SourceFailed
from ...fhir import base64binary
from ...fhir.attachments import attachment_nodes
from ...fhir.embedded import documents, names_another
from ...fhir.lossless import decode
from ...gap import GapKind, Wanted
from ...store.pulled import chart, query_plan, records
from ..context import Gathering

_NO_BASE64 = "what it holds is no base64, so nobody can open it"
_OTHER_BASE64 = "its base64 is not as FHIR has it: sent as it is, the receiver may not open it"
_ANOTHERS = "a document inside a record is of another patient: the record is not taken"


def tell(pull: Gathering) -> None:
    """Tell of each that is not base64, or not as FHIR R4 has it. Looks at the whole chart."""
    for *key, query in records.mentioning(pull.case, '"data"'):
        record = chart.record(pull.case, *key)
        assert record is not None
        value = decode(record.body)
        if path := _anothers(pull, value):
            if record.type == "Patient":
                raise SourceFailed(f"Patient {path}: {_ANOTHERS}", "Tell who runs the source.")
            with pull.case.commit():
                chart.drop_record(pull.case, *key)
                query_plan.fail_query(pull.case, query)  # so that a later run asks once more
                why = f"{_ANOTHERS} ({record.type}/{record.id} {path})"
                pull.gap(Wanted(record.type), GapKind.REFUSED, why)
            continue
        for attachment in attachment_nodes(value):
            data = attachment.get("data")
            if not isinstance(data, str) or base64binary.is_base64(data):
                continue
            why = _OTHER_BASE64 if base64binary.content(data) is not None else _NO_BASE64
            pull.missing.add("attachment", f"in {record.type}", GapKind.FAILED, why)


def _anothers(pull: Gathering, value: Any) -> str:
    """Where a record holds a document of another patient; empty if nowhere."""
    for path, data in documents(value):
        content = base64binary.content(data)
        if content is not None and names_another(content, pull.sieve.person):
            return path
    return ""
