"""What both kinds of end have to do: answer, speak R4, let us in, and be searched."""

import uuid
from collections.abc import Generator, Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from ...endpoint import Answer, Endpoint
from ...errors import Answered, EndpointError, Exit, Waiting
from ...fhir.bundle import page
from ...fhir.capability import Capability, parse
from ...fhir.lossless import UndecodableError, decode
from ...loopback import is_loopback
from .cause import told
from .check import Check
from .granted import certificate, described

_CLOCK_SKEW_MAX_S = 120
_FAILED = (EndpointError, Waiting)


def reach(
    name: str, endpoint: Endpoint, probe: str, exit_code: Exit
) -> Generator[Check, None, Capability | None]:
    """Ends with what the server says it can do; None: there is no more to look at.

    `probe`: a type whose records are counted, to see whether we are let in.
    """
    settings = endpoint.settings
    yield from certificate(name, endpoint, exit_code)
    try:
        grant = endpoint.grant()
    except _FAILED as error:
        yield Check(name, "token", False, *told(error, settings), exit_code)
        yield from _clock(name, endpoint)  # a signature of another time is refused
        return None
    if grant is not None:
        yield Check(name, "token", True, described(grant))
    try:
        capability = parse(endpoint.get("metadata", "metadata").body)
    except _FAILED as error:
        yield Check(name, "reachable", False, *told(error, settings), exit_code)
        yield from _clock(name, endpoint)
        return None
    except UndecodableError as error:
        fix = "Correct the path of base_url: the base of a FHIR server answers /metadata."
        said = f"{settings.base_url}: metadata: {error}"
        yield Check(name, "reachable", False, said, fix, exit_code)
        return None
    software = "".join(filter(str.isprintable, capability.software))[:80] or "no name"
    yield Check(name, "reachable", True, f"{software} at {settings.base_url}")
    yield Check(name, "TLS", True, _tls(settings.base_url))
    version = "".join(filter(str.isprintable, capability.fhir_version))[:20]
    yield Check(
        name, "FHIR version", capability.is_r4, version or "not said",
        "" if capability.is_r4 else "Only R4 (4.0.x): ask for the server's R4 base.", exit_code,
    )  # fmt: skip
    yield from _clock(name, endpoint)
    yield _signed_in(name, endpoint, probe, exit_code)
    return capability if capability.is_r4 else None


def searched(
    name: str, endpoint: Endpoint, probe: str, page_size: int | None, exit_code: Exit
) -> Iterator[Check]:
    """Whether searches work the way a transfer makes them. `page_size`: `_count` that is asked.

    Asks for records of an id that nobody has: none comes back.
    """
    nobody = {"_id": str(uuid.uuid4())}
    try:
        first = endpoint.search(probe, nobody, f"{probe} search")
    except _FAILED as error:
        detail, fix = told(error, endpoint.settings)
        yield Check(name, "search", False, detail, fix, exit_code)
        return
    by_get = endpoint.settings.search_by == "get"
    said = "by GET: identifiers stand in URLs and logs" if by_get else "by POST"
    if page_size is None:
        yield Check(name, "search", True, said)
        yield from _own_base(name, endpoint, first, exit_code)
        return
    plain = f"{probe}?_id={nobody['_id']}"
    try:
        first = endpoint.get(plain, f"{probe} search by GET")
    except _FAILED as error:
        detail, fix = told(error, endpoint.settings)
        yield Check(name, "search", False, detail, fix, exit_code)
        return
    yield Check(name, "search", True, said if by_get else "by POST and by GET")
    yield from _own_base(name, endpoint, first, exit_code)
    yield from _page_size(name, endpoint, plain, page_size)


def _page_size(name: str, endpoint: Endpoint, plain: str, page_size: int) -> Iterator[Check]:
    """Whether a page as large as configured may be asked for; if not, how large."""
    for size in (page_size, *(n for n in (500, 200, 100, 50, 20, 10) if n < page_size)):
        try:
            endpoint.get(f"{plain}&_count={size}", "search by pages")
        except Answered as error:
            if error.status in (400, 403, 413, 422):
                continue
            return
        except _FAILED:
            return
        if size == page_size:
            yield Check(name, "page size", True, f"_count={size} is taken")
        else:
            said = f"_count={page_size} is refused, {size} is taken"
            yield Check(name, "page size", True, said, f"Set page_size = {size}.")
        return


def _own_base(name: str, endpoint: Endpoint, answer: Answer, exit_code: Exit) -> Iterator[Check]:
    """Whether further pages, as the server writes their address, would be asked for."""
    try:
        links = decode(answer.body).get("link") or []
        page(answer.body)
    except (UndecodableError, AttributeError):
        said = "a search is not answered by a Bundle"
        fix = "Set base_url to the FHIR base itself, and `auth` to its sign-in."
        yield Check(name, "search answer", False, said, fix, exit_code)
        return
    urls = [link.get("url") for link in links if isinstance(link, dict)]
    for url in urls:
        try:
            if not isinstance(url, str) or "://" not in url or endpoint.may_ask(url):
                continue
            theirs = urlsplit(url)
        except (EndpointError, ValueError):
            continue
        host = "".join(filter(str.isprintable, theirs.netloc))[:100]
        said = (
            f"the server writes {theirs.scheme}://{host} into its answers, base_url is"
            f" {endpoint.settings.base_url}: a second page would not be asked for"
        )
        ours = urlsplit(endpoint.settings.base_url).hostname
        fix = (
            "Write base_url as the server writes it, or set allowed_origins ="
            f' ["{theirs.scheme}://{host}"] if that host is the server too.'
        )
        if is_loopback(theirs.hostname) and is_loopback(ours):
            fix = f"Write {theirs.scheme}://{host} in base_url too: both names are this machine."
        yield Check(name, "own address", False, said, fix, exit_code)
        return


def _tls(base_url: str) -> str:
    if base_url.startswith("https://"):
        return "verified"
    here = is_loopback(urlsplit(base_url).hostname)
    return "plain http" + (" (this machine)" if here else " (allow_plain_http)")


def _clock(name: str, endpoint: Endpoint) -> Iterator[Check]:
    """By the last answer that had a date, whoever gave it: the server, or who gives tokens."""
    if endpoint.last_date is None:
        return
    said, heard_at = endpoint.last_date
    try:
        there = parsedate_to_datetime(said)
    except ValueError:
        yield Check(name, "clock", True, "the server does not say its time")
        return
    skew_s = abs((heard_at - there.astimezone(UTC)).total_seconds())
    ok = skew_s <= _CLOCK_SKEW_MAX_S
    fix = "" if ok else "Set the time of this machine (or theirs): signatures and dates need it."
    here = "" if ok else f" (here {heard_at:%Y-%m-%d %H:%M:%S} UTC)"
    yield Check(name, "clock", ok, f"{skew_s:.0f} s apart{here}", fix, Exit.USAGE)


def _signed_in(name: str, endpoint: Endpoint, probe: str, exit_code: Exit) -> Check:
    try:
        # Only a number comes back: nobody's record is read for a check.
        endpoint.get(f"{probe}?_summary=count", "sign-in probe")
    except Answered as error:
        refused = error.status in (401, 403)
        if not refused:
            return Check(name, "sign-in", True, f"HTTP {error.status} for a count of {probe}")
        return Check(name, "sign-in", False, *told(error, endpoint.settings), exit_code)
    except _FAILED as error:
        return Check(name, "sign-in", False, *told(error, endpoint.settings), exit_code)
    return Check(name, "sign-in", True, endpoint.settings.auth.type)
