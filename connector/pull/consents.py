"""The patient's Consents as they stand at the source now: read again before anything leaves.

A chart may be days old when its packet is approved. Records may be so; a consent may not: whoever
revoked one in the meantime has revoked it.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from ..endpoint import Endpoint
from ..errors import Answered, EndpointError, Forbidden, Held, NotFhir, SourceFailed
from ..fhir.about import SEVERAL_PEOPLE
from ..fhir.subject import person
from ..fhir.whose import Whose
from ..settings import Source
from ..store.case.casefile import CaseFile
from ..store.pulled import chart, records
from ..store.pulled.chart import Record
from .files.closure import QUERY
from .input.given import Files
from .lookup import DEMANDS, ask, page_of
from .plan import EVERYTHING
from .records import Came, Sieve
from .search import no_bundle
from .search.bound import honoured

CONSENT = "Consent"
_PAGES_MAX = 50
_WHAT = "Consent search"


def consents_now(case: CaseFile, settings: Source, source: Endpoint | None) -> list[Record]:
    """The patient's Consents, read again. `source`: None where charts are files.

    Raises `Held` (`consent-unread`) if the source does not let them be read, `SourceFailed` if it
    is not there, `Waiting`.
    """
    patient = chart.record(case, "Patient", str(case.state.source_patient))
    if patient is None:
        raise SourceFailed("the chart has no Patient record", "Pull the case again.")
    bases = (settings.base_url, *case.state.source_bases)
    whom = person(patient.body, bases if source else None)
    sieve = Sieve(settings.base_url, patient.id, SEVERAL_PEOPLE, settings.record_bytes_max, whom)
    if source is None:
        return list(_of_files(case, settings, sieve))
    says_nothing = no_bundle.says_nothing(case, CONSENT)
    return list(_of_server(source, patient.id, sieve, settings.page_size, says_nothing))


def keep_consents(case: CaseFile, found: Iterable[Record]) -> bool:
    """Put what was read in place of what the chart has, in `case.commit()`. True if it differs."""
    now = {record.id: record for record in found}
    files = bool(records.types(case, QUERY))
    new = [record for record in now.values() if not chart.holds(case, record)]
    for record in new:
        chart.put_record(case, record, QUERY if files else CONSENT)
    # One that came as what another record refers to is no match of the search.
    gone = [
        id_
        for id_, query in records.of_type(case, CONSENT)
        if id_ not in now and (query in (EVERYTHING, QUERY) or query.startswith(CONSENT))
    ]
    for id_ in gone:
        chart.drop_record(case, CONSENT, id_)
    return bool(new or gone)


def _of_server(
    source: Endpoint, patient: str, sieve: Sieve, size: int, says_nothing: frozenset[int]
) -> Iterator[Record]:
    """`says_nothing`: the answers by which this server was found to say that there is none."""
    plain = f"{CONSENT}?patient={quote(patient)}"
    first = f"{plain}&_count={size}"
    url: str | None = first
    for _ in range(_PAGES_MAX):
        try:
            page = page_of(ask(source, str(url), _WHAT).body, _WHAT)
        except (Answered, Forbidden, NotFhir) as error:
            status = error.status if isinstance(error, Answered) else None
            if url == first != plain and status in DEMANDS:
                url = first = plain  # it may take no such `_count` (page_size.py)
                continue
            if url == first and status in says_nothing:
                return
            raise _unread(str(error)) from None
        except EndpointError as error:
            raise SourceFailed(
                f"the consents can't be read again before sending: {error}",
                "Run the same command again when the source is back: nothing was sent.",
            ) from None
        matches = [entry for entry in page.entries if entry.mode in ("match", "broken")]
        if url == first and matches and honoured(first, page.self_url) is False:
            raise _unread("the server passes over the parameter that names the patient")
        for entry in matches:
            record = sieve.examine(entry.body, Came.SEARCHED) if entry.mode == "match" else None
            if not isinstance(record, Record):
                raise _unread("a consent could not be read, or is another person's")
            if record.type == CONSENT:
                yield record
        url = page.next_url
        if url is None:
            return
    raise _unread("its pages do not end")


def _of_files(case: CaseFile, settings: Source, sieve: Sieve) -> Iterator[Record]:
    assert settings.files is not None
    for given in Files(settings.files, settings.page_bytes_max).of_type(CONSENT):
        record = sieve.examine(given.body)
        if not isinstance(record, Record):
            continue  # another's, or the pull told it
        own = sieve.person.whose(given.body) is Whose.OWN
        if own or chart.has_record(case, CONSENT, record.id):
            yield record


def _unread(why: str) -> Held:
    return Held(
        "consent-unread",
        f"the patient's consents could not be read again before sending: {why}",
        "Let this client read Consent at the source; or have somebody who knows the consents say"
        " in the request that none stands against this (`consents_checked`).",
    )
