"""Who wrote, changed or brought the records: Provenance points at them, nothing points at it.

Measured on HAPI 8.8 with charts of 705 and 4,141 records, each with one Provenance for all:
asking by target for 200 records at once takes 4 and 18 requests, 0.2 and 4.9 MB; with
`_revinclude` no request of its own, but that Provenance again on every page, 0.7 and 7.6 MB, and
none for records that came by `$everything` or by reference. This way works after any pull.
"""

from urllib.parse import parse_qs, urlencode

from ...fhir.ids import FHIR_ID
from ...store.pulled import query_plan, records
from ...store.pulled.query_plan import Query
from ..context import Pull

_BATCH = 200
_TARGET_LENGTH = 60  # a type, a UUID, what is between
# Shared by all patients: their Provenance is about the directory, not about this person.
DIRECTORY = (
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "HealthcareService",
    "Endpoint",
    "Provenance",
)


def add_queries(pull: Pull) -> bool:
    """Plan the search for what was said about records not asked about yet. True if there are any.

    Only where the server declares that search; where it doesn't, `plan.unsupported` says so.
    """
    declared = pull.capability.search.get("Provenance")
    if "Provenance" in pull.unasked or declared is None or (declared and "target" not in declared):
        return False
    batches = [q for q in query_plan.queries(pull.case) if q.key.startswith("Provenance?")]
    asked = {t for q in batches for t in _targets(q)}
    fresh = [
        key
        for key in records.keys(pull.case, without=DIRECTORY)
        # An id that R4 does not allow may hold what separates targets: it would be asked for ever.
        if key not in asked and FHIR_ID.fullmatch(key.partition("/")[2])
    ]
    size = pull.source.at_once(_BATCH, _TARGET_LENGTH)
    query_plan.add_queries(
        pull.case,
        (
            _query(len(batches) + n + 1, fresh[at : at + size], pull.settings.page_size)
            for n, at in enumerate(range(0, len(fresh), size))
        ),
    )
    return bool(fresh)


def _query(number: int, targets: list[str], page_size: int) -> Query:
    parameters = urlencode({"target": ",".join(targets), "_count": str(page_size)}, safe=",/")
    return Query(
        f"Provenance?batch={number}",
        f"Provenance?{parameters}",
        f"what was said about {len(targets)} records; nothing refers to a Provenance",
    )


def _targets(query: Query) -> list[str]:
    return parse_qs(query.url.partition("?")[2])["target"][0].split(",")
