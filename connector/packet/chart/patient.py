"""The patient's own record, without which nothing is a chart."""

from collections.abc import Mapping

from ...errors import Held, SourceFailed
from .index import Row


def require_patient(patient: str, rows: Mapping[str, Row]) -> None:
    """`SourceFailed` if it is not there, `Held` if it was entered in error."""
    if patient not in rows:
        raise SourceFailed("the chart has no Patient record", "Pull the case again.")
    if rows[patient].error:
        raise Held(
            "patient-entered-in-error",
            "the source says that the patient's record was entered in error",
            "Ask the source which record is the right one, and correct the request.",
        )
