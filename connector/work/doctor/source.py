"""What a source has to do for a pull, and what would be asked of it."""

from collections import Counter
from collections.abc import Iterator

from ...endpoint import Endpoint
from ...errors import Exit, SourceFailed, UsageError
from ...fhir.capability import Capability
from ...mappingfiles import MappingFiles
from ...packet import Mappings
from ...pull import not_granted, plan, servers, survey, types_of_chart
from ...settings import Source
from ...store.pulled.query_plan import Query
from .check import Check
from .granted import scopes
from .reach import reach, searched

_FAILED = Exit.SOURCE_FAILED


def check(
    name: str, settings: Source, mappings: Mappings, wanted: frozenset[str]
) -> Iterator[Check]:
    """`wanted`: the types that this kind of case asks for."""
    if settings.files is not None:
        yield from _files(name, settings)
        return
    endpoint = Endpoint(settings, "source", types=types_of_chart(mappings.never_types))
    capability = yield from reach(name, endpoint, "Patient", _FAILED)
    if capability is None:
        return
    needed = wanted | {"Patient"}
    excused = settings.expected_gaps
    lost = _FAILED if endpoint.granted("Patient") is False else Exit.INCOMPLETE
    yield from scopes(name, endpoint, needed, excused, lost)
    yield from searched(name, endpoint, "Patient", settings.page_size, _FAILED)
    absent = sorted(one for one in wanted if not capability.allows(one, "search-type"))
    detail = f"{len(wanted) - len(absent)} of {len(wanted)} types of the checklist are offered"
    # Not a failure of the source: what it can't give is told per case, as missing.
    yield Check(name, "records", True, detail + (f"; not: {', '.join(absent)}" if absent else ""))
    yield _notes(name, endpoint, settings, capability)
    yield from _pull(name, settings, capability)
    yield from _plan(name, endpoint, capability, mappings.never_types, wanted, mappings.files)


def _notes(name: str, endpoint: Endpoint, settings: Source, capability: Capability) -> Check:
    """Whether a note's content, which stands beside its record at most servers, may be had."""
    if settings.attachment_bytes_max == 0:
        said, fix = "their content stays behind", "attachment_bytes_max is 0: set what may come."
    elif endpoint.granted("Binary") is False:
        said = "no scope to read Binary: they come without their content"
        fix = "Ask its people to allow this client to read Binary."
    elif not capability.allows("Binary", "read"):
        said = "Binary is not offered: a note whose content stands there comes without it"
        fix = "Ask its people how the content of a note is read, before one is missed."
    else:
        said, fix = "with their content, as far as the server says", ""
    return Check(name, "notes", True, said, fix)


def _pull(name: str, settings: Source, capability: Capability) -> Iterator[Check]:
    offered = "everything" in capability.operations
    lacks = ""
    if settings.pull == "everything" and not offered:
        lacks = "$everything"
    elif settings.pull == "bulk" and not settings.bulk_group:
        lacks = "" if "export" in capability.operations else "Patient/$export"
    if lacks:
        yield Check(name, "pull", False, f"{lacks} is not offered", 'Set pull = "auto".', _FAILED)
        return
    how: str = settings.pull
    if how == "auto":
        how += ": one search per type" + (", $everything fills holes" if offered else "")
    yield Check(name, "pull", True, how)


def _plan(
    name: str,
    endpoint: Endpoint,
    capability: Capability,
    never: frozenset[str],
    wanted: frozenset[str],
    files: MappingFiles,
) -> Iterator[Check]:
    """What is known of this kind of server, and what would be asked of it, with the reasons."""
    settings = endpoint.settings
    assert isinstance(settings, Source)
    try:
        known = servers.known(capability.software, settings.server, files, capability.publisher)
        unasked = never | not_granted(endpoint, capability.search).keys()
        queries = plan(capability, "ID", settings, unasked, wanted, known)
    except UsageError as error:
        yield Check(name, "server", False, str(error), error.what_to_do, Exit.USAGE)
        return
    except SourceFailed:
        return  # told by the check of `pull`
    rules = "".join(f"; {rule.about}" for rule in known.rules)
    yield Check(name, "server", True, (known.name or "of no kind with rules of its own") + rules)
    exactly = tuple(f"{query.key} ({query.why})" for query in queries)
    yield Check(name, "plan", True, _in_short(queries, wanted), more=exactly)


def _in_short(queries: list[Query], wanted: frozenset[str]) -> str:
    """The types of the checklist, with the number of queries where there are several; a number
    of the others."""
    asked = Counter(query.key.partition("?")[0] for query in queries)
    named = {one: count for one, count in asked.items() if one in wanted or "/" in one}
    names = [one if count == 1 else f"{one} ({count})" for one, count in named.items()]
    others = len(asked) - len(named)
    rest = [f"{others} types beside the checklist (all: --verbose)"] if others else []
    return f"{len(queries)} queries: {', '.join(names + rest)}"


def _files(name: str, settings: Source) -> Iterator[Check]:
    """Counts only: whose the records are is not looked at."""
    assert settings.files is not None
    try:
        found = survey(settings.files, settings.page_bytes_max)
    except SourceFailed as error:
        yield Check(name, "files", False, str(error), error.what_to_do, _FAILED)
        return
    patients = found.types["Patient"]
    said = f"{found.files} files, {found.types.total()} resources, {patients} of them patients"
    fix = "" if patients else "Name FHIR R4 as JSON: a Bundle, or a folder of Bundles or NDJSON."
    yield Check(name, "files", patients > 0, said, fix, _FAILED)
    for why, count in sorted(found.problems.items()):
        again = "Export it anew as FHIR R4 JSON, or take it away."
        yield Check(name, "readable", False, f"{why} ({count})", again, _FAILED)
