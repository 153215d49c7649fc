"""Check both ends before anything is needed of them. Reads only; asks for no patient's data."""

import os
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ..config import Config, same_environment
from ..endpoint import Answer, Endpoint, Grant
from ..errors import Answered, EndpointError, Exit, SourceFailed, UsageError, Waiting
from ..fhir.capability import Capability, parse
from ..fhir.lossless import UndecodableError
from ..mappingfiles import MappingFiles
from ..packet import Mappings
from ..pull import plan, servers, survey, types_of_chart
from ..push import way_of
from ..settings import Destination, EndpointSettings, Source
from . import trial

_CLOCK_SKEW_MAX_S = 120
# What every packet is made of, whatever the chart holds.
_WAYS = {
    "transaction": "as transactions",
    "batch": "as batches: transactions are not offered",
    "single": "one by one: neither transactions nor batches are offered",
}
_READ_BACK = {
    "granted": "everything, record by record",
    "none": "not granted: what is delivered is accepted there, never verified",
}
_PACKET_TYPES = ("Composition", "Device", "Organization", "Provenance", "ServiceRequest", "Task")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `fix`: what to do when it is not well."""

    end: str
    name: str
    ok: bool
    detail: str
    fix: str = ""
    exit: Exit = Exit.DELIVERED


def examine(
    config: Config,
    source: str,
    destination: str,
    case_type: str,
    mappings: Mappings,
    *,
    write_test: bool = False,
) -> list[Check]:
    """Every check of one source and one destination, for one kind of case.

    `write_test`: also write, change and delete test resources at the destination.
    """
    types = types_of_chart(mappings.never_types)
    home, outside = config.source(source), config.destination(destination)
    wanted = mappings.wanted_types(case_type, outside.programme)
    checks = [_environments(home, outside)]
    checks += _source(source, home, wanted, types, mappings.files)
    checks += _destination(destination, outside, types, write_test)
    return checks


def _environments(source: Source, destination: Destination) -> Check:
    try:
        same_environment(source, destination)
    except UsageError as error:
        return Check("both", "environment", False, str(error), error.what_to_do, Exit.USAGE)
    return Check("both", "environment", True, f"{source.environment} to {destination.environment}")


def _source(
    name: str,
    settings: Source,
    wanted: frozenset[str],
    types: frozenset[str],
    files: MappingFiles,
) -> Iterator[Check]:
    if settings.files is not None:
        yield from _files(name, settings)
        return
    endpoint = Endpoint(settings, "source", types=types)
    capability = yield from _common(name, endpoint, settings, "Patient", Exit.SOURCE_FAILED)
    if capability is None:
        return
    yield from _scopes(name, endpoint, wanted, Exit.DELIVERED)
    absent = sorted(wanted - capability.search.keys())
    detail = f"{len(wanted) - len(absent)} of {len(wanted)} types of the checklist are offered"
    # Not a failure of the source: what it can't give is told per case, as missing.
    yield Check(name, "records", True, detail + (f"; not: {', '.join(absent)}" if absent else ""))
    yield from _plan(name, settings, capability, wanted, files)
    offered = "everything" in capability.operations
    how: str = settings.pull
    if how == "auto":
        how += ": one search per type" + (", $everything fills holes" if offered else "")
    if settings.pull == "everything" and not offered:
        yield Check(
            name, "pull", False, "$everything is not offered", 'Set pull = "auto".',
            Exit.SOURCE_FAILED,
        )  # fmt: skip
    elif (
        settings.pull == "bulk"
        and not settings.bulk_group
        and "export" not in capability.operations
    ):
        yield Check(
            name, "pull", False, "Patient/$export is not offered", 'Set pull = "auto".',
            Exit.SOURCE_FAILED,
        )  # fmt: skip
    else:
        yield Check(name, "pull", True, how)


def _plan(
    name: str,
    settings: Source,
    capability: Capability,
    wanted: frozenset[str],
    files: MappingFiles,
) -> Iterator[Check]:
    """What is known of this kind of server, and what would be asked of it, with the reasons."""
    try:
        known = servers.known(capability.software, settings.server, files, capability.publisher)
        queries = plan(capability, "ID", settings, frozenset(), wanted, known)
    except UsageError as error:
        yield Check(name, "server", False, str(error), error.what_to_do, Exit.USAGE)
        return
    except SourceFailed:
        return  # told by the check of `pull`
    rules = "".join(f"; {rule.about}" for rule in known.rules)
    yield Check(name, "server", True, (known.name or "of no kind with rules of its own") + rules)
    asked = "; ".join(f"{query.key} ({query.why})" for query in queries)
    yield Check(name, "plan", True, f"{len(queries)} queries: {asked}")


def _files(name: str, settings: Source) -> Iterator[Check]:
    """Counts only: whose the records are is not looked at."""
    assert settings.files is not None
    try:
        found = survey(settings.files, settings.page_bytes_max)
    except SourceFailed as error:
        yield Check(name, "files", False, str(error), error.what_to_do, Exit.SOURCE_FAILED)
        return
    patients = found.types["Patient"]
    said = f"{found.files} files, {found.types.total()} resources, {patients} of them patients"
    fix = "" if patients else "Name FHIR R4 as JSON: a Bundle, or a folder of Bundles or NDJSON."
    yield Check(name, "files", patients > 0, said, fix, Exit.SOURCE_FAILED)
    for why, count in sorted(found.problems.items()):
        again = "Export it anew as FHIR R4 JSON, or take it away."
        yield Check(name, "readable", False, f"{why} ({count})", again, Exit.SOURCE_FAILED)


def _destination(
    name: str, settings: Destination, types: frozenset[str], write_test: bool
) -> Iterator[Check]:
    refused = Exit.DESTINATION_REFUSED
    if settings.folder is not None:
        writable = settings.folder.is_dir() and os.access(settings.folder, os.W_OK | os.X_OK)
        said = "takes packets as files" if writable else "not there, or not writable"
        fix = "" if writable else "Mount it, or correct `folder` and its permissions."
        yield Check(name, "folder", writable, said, fix, refused)
        return
    endpoint = Endpoint(settings, "destination", types=types)
    probe = "Task" if settings.read_back == "granted" else "Patient"
    capability = yield from _common(name, endpoint, settings, probe, refused)
    if capability is None:
        return
    yield from _scopes(name, endpoint, _PACKET_TYPES, refused)
    yield Check(name, "writes", True, _WAYS[way_of(settings, capability)])
    yield Check(name, "read back", True, _READ_BACK[settings.read_back])
    yield _kind(name, capability, settings)
    absent = [t for t in _PACKET_TYPES if t not in capability.search]
    yield Check(
        name, "packet", not absent,
        "takes every type of the packet" if not absent else f"does not take {', '.join(absent)}",
        "" if not absent else "Ask its administrator to allow these types.", refused,
    )  # fmt: skip
    if settings.write == "put":
        yield _own_ids(name, capability, types | set(_PACKET_TYPES))
    yield _owner(name, endpoint, settings)
    yield Check(name, "$match", True, _matching(capability, settings))
    if write_test and settings.read_back == "none":
        yield Check(name, "write test", True, "not done: what was written can't be read")
    elif write_test:
        for seen in trial.write_test(settings, way_of(settings, capability)):
            fine = seen.ok or not trial.needed(seen.name, settings)
            yield Check(name, f"write test: {seen.name}", fine, seen.detail, seen.fix, refused)


def _kind(name: str, capability: Capability, settings: Destination) -> Check:
    """How packets travel there, and whether they can."""
    kind = settings.kind
    takes, said = True, "record by record"
    if kind == "document":
        takes, said = "Bundle" in capability.search, "as one Bundle of type document"
    elif kind == "message":
        takes, minutes = capability.messages, capability.reliable_cache_min
        again = f"known again for {minutes} min" if minutes else "never sent twice: not known again"
        said = f"as one message, {again}"
    fix = "" if takes else "Set bundle.kind to what it takes, or ask its administrator."
    said = said if takes else f"does not say that it takes a {kind}"
    return Check(name, "kind", takes, said, fix, Exit.DESTINATION_REFUSED)


def _matching(capability: Capability, settings: Destination) -> str:
    if "match" not in capability.operations:
        return "not offered: the patient is found by the request or by identifiers"
    return "offered, and asked" if settings.match == "certain" else "offered, switched off"


def _own_ids(name: str, capability: Capability, types: Collection[str]) -> Check:
    """Whether ids of ours are taken, as far as the server says so; HAPI does it and says nothing.

    R4 capabilitystatement.html, rest.resource.updateCreate.
    """
    said = capability.update_create
    no = sorted(one for one in types if said.get(one) is False)
    if not any(said.values()):
        tried = "declared for no type: `connector doctor --write-test` tries it"
        return Check(name, "ids of ours", True, tried)
    detail = f"not taken for: {', '.join(no)}" if no else "taken, as the server says"
    fix = "" if not no else 'Ask for them to be allowed, or set write = "conditional".'
    return Check(name, "ids of ours", not no, detail, fix, Exit.DESTINATION_REFUSED)


def _owner(name: str, endpoint: Endpoint, settings: Destination) -> Check:
    if settings.owner is None:
        return Check(
            name, "owner", True, "not configured: Task.owner is a name without a reference"
        )
    if settings.read_back == "none":
        return Check(name, "owner", True, "not looked up: nothing may be read there")
    if "|" in settings.owner:
        return Check(name, "owner", True, "an identifier: looked up before the first write")
    try:
        endpoint.get(settings.owner, "owner")
    except (EndpointError, Waiting) as error:
        fix = "Correct `owner`: their Organization, as it is called there."
        return Check(name, "owner", False, str(error), fix, Exit.DESTINATION_REFUSED)
    return Check(name, "owner", True, "their Organization is there")


def _common(
    name: str, endpoint: Endpoint, settings: EndpointSettings, probe: str, exit_code: Exit
) -> Generator[Check, None, Capability | None]:
    """The checks of both kinds of end; returns what the server says it can do, None: stop here."""
    yield from _certificate(name, endpoint, exit_code)
    try:
        grant = endpoint.grant()
        if grant is not None:
            yield Check(name, "token", True, _described(grant))
    except (EndpointError, Waiting) as error:
        yield Check(name, "token", False, str(error), error.what_to_do, exit_code)
        return None
    try:
        answer = endpoint.get("metadata", "metadata")
        capability = parse(answer.body)
    except (EndpointError, Waiting) as error:
        yield Check(name, "reachable", False, str(error), error.what_to_do, exit_code)
        return None
    except UndecodableError as error:
        fix = "base_url is not the base of a FHIR server: it has to answer /metadata."
        yield Check(name, "reachable", False, str(error), fix, exit_code)
        return None
    secure = settings.base_url.startswith("https://")
    yield Check(name, "reachable", True, capability.software or "no name")
    yield Check(name, "TLS", True, "verified" if secure else "plain http (allowed here)")
    yield Check(
        name, "FHIR version", capability.is_r4, capability.fhir_version or "not said",
        "" if capability.is_r4 else "Only R4 (4.0.x): ask for the server's R4 base.", exit_code,
    )  # fmt: skip
    yield _clock(name, answer)
    yield _signed_in(name, endpoint, probe, exit_code)
    return capability if capability.is_r4 else None


def _certificate(name: str, endpoint: Endpoint, exit_code: Exit) -> Iterator[Check]:
    """How long the certificate that we show is good; nothing where we show none."""
    life = endpoint.own_certificate()
    if life is None:
        return
    begins, ends = life
    now = datetime.now(UTC)
    detail = f"until {ends:%Y-%m-%d}, {(ends - now).days} days left"
    if now < begins:
        detail = f"good from {begins:%Y-%m-%d} only"
    elif now > ends:
        detail = f"ended on {ends:%Y-%m-%d}"
    ok = begins <= now <= ends
    fix = "" if ok else "Put a good certificate where client_cert_file points."
    yield Check(name, "our certificate", ok, detail, fix, exit_code)


def _described(grant: Grant) -> str:
    life = "no end said" if grant.expires_in_s is None else f"for {grant.expires_in_s:.0f} s"
    scopes = "scopes not said" if grant.scopes is None else f"{len(grant.scopes)} scopes granted"
    return f"obtained, {life}; {len(grant.asked)} scopes asked, {scopes}"


def _scopes(
    name: str, endpoint: Endpoint, needed: Collection[str], exit_code: Exit
) -> Iterator[Check]:
    """What the token does not reach. At a source it is told per case, as gaps: no failure of it."""
    if endpoint.grant() is None:
        return
    missing = sorted(one for one in needed if endpoint.granted(one) is False)
    partly = sorted(one for one in needed if endpoint.granted_in_part(one))
    detail = f"{len(needed) - len(missing)} of {len(needed)} types needed are granted"
    detail += f"; not: {', '.join(missing)}" if missing else ""
    detail += f"; in part: {', '.join(partly)}" if partly else ""
    ok = not missing or exit_code is Exit.DELIVERED
    fix = "" if ok else "Ask its administrator to allow this client these types."
    yield Check(name, "scopes", ok, detail, fix, exit_code)


def _clock(name: str, answer: Answer) -> Check:
    try:
        there = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return Check(name, "clock", True, "the server does not say its time")
    skew_s = abs((datetime.now(UTC) - there.astimezone(UTC)).total_seconds())
    ok = skew_s <= _CLOCK_SKEW_MAX_S
    fix = "" if ok else "Set the time of this machine (or theirs): signatures and dates need it."
    return Check(name, "clock", ok, f"{skew_s:.0f} s apart", fix, Exit.USAGE)


def _signed_in(name: str, endpoint: Endpoint, probe: str, exit_code: Exit) -> Check:
    try:
        # Only a number comes back: nobody's record is read for a check.
        endpoint.get(f"{probe}?_summary=count", "sign-in probe")
    except Answered as error:
        refused = error.status in (401, 403)
        detail = f"HTTP {error.status}" + (" for a search" if not refused else "")
        fix = "Check auth of this endpoint and what it is allowed." if refused else ""
        return Check(name, "sign-in", not refused, detail, fix, exit_code)
    except (EndpointError, Waiting) as error:
        return Check(name, "sign-in", False, str(error), error.what_to_do, exit_code)
    return Check(name, "sign-in", True, endpoint.settings.auth.type)
