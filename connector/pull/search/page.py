"""One page of a search: what of it belongs in the chart, and whether the answer is believed."""

from typing import NamedTuple

from ...fhir import bundle
from ...fhir.lossless import UndecodableError, decode, members
from ...fhir.record import peek
from ...fhir.references import Kind, parse
from ...fhir.shapes import objects_in
from ...fhir.types import TYPES
from ...gap import GapKind
from ...store.pulled import chart
from ...store.pulled.chart import Record
from ...store.pulled.query_plan import Query
from ..context import Pull
from ..operation_outcome import missing
from ..plan import EVERYTHING
from ..records import ABOUT_NO_PATIENT, ANOTHER_PATIENT, UNNAMED, UNREADABLE, Came, Problem
from .bound import base_of_own, honoured, of_another

# `$everything` may rightly hold these of others whom the chart refers to.
_RELATED = ("Patient", "RelatedPerson")
_UNCLEAR = (UNNAMED, ABOUT_NO_PATIENT)
_IGNORED = Problem(GapKind.FAILED, "the server passes over the parameter that names the patient")


class Sifted(NamedTuple):
    """What a page holds. `doubt`: why nothing of its search is believed; the rest is empty then."""

    records: list[Record]
    matches: int
    problems: list[Problem]
    doubt: Problem | None = None


def sift(pull: Pull, query: Query, page: bundle.Page, first: bool) -> Sifted:
    """What one page of a query brings. `first`: it is the query's first page."""
    bases = _bases(pull, page)
    came = _came(pull, query, page, first)
    if came is None:
        return Sifted([], 0, [], _IGNORED)
    sieve = pull.sieve.at(*bases)
    records: list[Record] = []
    problems: list[Problem] = []
    matches = 0
    asked = TYPES if "$" in query.url else (query.url.partition("?")[0],)
    for entry in page.entries:
        if entry.mode in ("match", "include"):
            matches += entry.mode == "match"
            found = sieve.examine(entry.body, came if entry.mode == "match" else Came.UNBOUND)
            if entry.mode == "include" and found in _UNCLEAR:
                continue  # what the chart does refer to is read by its id
        else:
            found = missing(entry.body) if entry.mode == "outcome" else UNREADABLE
        if found is ABOUT_NO_PATIENT and "$" in query.url:  # it brings what is referred to as well
            found = sieve.examine(entry.body, Came.REFERRED)
        if isinstance(found, Record) and entry.mode == "match" and found.type not in asked:
            found = sieve.examine(entry.body, Came.UNBOUND)  # bound by nothing that was asked
        if isinstance(found, Record) and found.type == "Provenance":
            found = found if _is_about(pull, found, bases) else ANOTHER_PATIENT
        if isinstance(found, Record):
            records.append(found)
        elif found is ANOTHER_PATIENT and entry.mode == "match" and _tells(query, entry.body):
            return Sifted([], 0, [], found)
        elif found is not None:
            problems.append(found)
    return Sifted(records, matches, problems)


def _came(pull: Pull, query: Query, page: bundle.Page, first: bool) -> Came | None:
    """What binds the records of a page to the patient; None if its server passed over that."""
    unbound = pull.case.state.unbound_queries
    if not first:
        if of_another(query.url, page.self_url):
            return None
        return Came.UNBOUND if query.key in unbound else Came.SEARCHED
    said = honoured(query.url, page.self_url)
    if said is False and any(entry.mode == "match" for entry in page.entries):
        return None
    if (said is not True) != (query.key in unbound):
        with pull.case.commit():
            kept = {*pull.case.state.unbound_queries, query.key}
            pull.case.state.unbound_queries = sorted(kept - ({query.key} if said else set()))
    return Came.SEARCHED if said else Came.UNBOUND


def _bases(pull: Pull, page: bundle.Page) -> tuple[str, ...]:
    """The addresses of the source, with what this page shows that it calls itself."""
    known = pull.bases()
    own = f"{pull.source.base_url}/"
    names = (entry.full_url for entry in page.entries if entry.full_url)
    if all(name.startswith((own, "urn:")) for name in names):
        return known  # the usual case, not looked into
    full_urls = {}
    for entry in page.entries:
        if entry.full_url and entry.mode in ("match", "include"):
            try:
                seen = peek(entry.body)
            except UndecodableError:
                continue
            full_urls[entry.full_url] = f"{seen.type}/{seen.id}"
    other = base_of_own(full_urls, pull.source.base_url)
    # Of two other names one may be another server's, whose records this one passes on.
    if other is None or other in known or len(known) > 1:
        return known
    with pull.case.commit():
        pull.case.state.source_bases = [other]
    return (*known, other)


def _is_about(pull: Pull, provenance: Record, bases: tuple[str, ...]) -> bool:
    """Whether a Provenance is about a record of the chart."""
    top = members(provenance.body)
    targets = decode(top["target"]) if "target" in top else []
    for item in objects_in(targets):
        reference = item.get("reference")
        target = parse(reference, *bases) if isinstance(reference, str) else None
        local = target is not None and target.kind is Kind.LOCAL
        if target and local and chart.has_record(pull.case, target.type, target.id):
            return True
    return False


def _tells(query: Query, body: bytes) -> bool:
    """Whether a stranger's record tells that the answer is not of this patient alone."""
    return query.key != EVERYTHING or peek(body).type not in _RELATED
