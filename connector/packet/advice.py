"""What we say to the people who plan the meeting. Advice, never a refusal."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from ..request import Organization, Request
from ..settings import Destination, Source
from .assess import Finding, presence
from .index import Row
from .rules import Status


def advise(hinge: Sequence[Row], findings: Sequence[Finding], status: Status) -> str:
    """In person, or online or in writing, with the reason.

    An opinion from afar stands on the records alone. It is advised only when the request names what
    the opinion hinges on and all of that is final and readable.
    """
    missing = sum(finding.missing for finding in findings)
    if not hinge:
        return (
            "In person: the request names no record on which the opinion hinges (`hinge`), so "
            "nobody can say that the records alone are enough."
        )
    unfinished = sum(presence(row, status) != "present" for row in hinge)
    if unfinished:
        return (
            f"In person: {unfinished} of {len(hinge)} records on which the opinion hinges "
            "are not final or have no content."
        )
    if missing:
        return (
            f"In person, or online once the rest is there: {missing} required "
            f"{'item is' if missing == 1 else 'items are'} missing."
        )
    return (
        f"Online or in writing is possible: all {len(hinge)} records on which the opinion hinges "
        "are final and readable, and nothing required is missing."
        if len(hinge) > 1
        else "Online or in writing is possible: the record on which the opinion hinges is final "
        "and readable, and nothing required is missing."
    )


def independence(
    request: Request, source: Source, destination: Destination, rows: Iterable[Row]
) -> list[str]:
    """Reasons to doubt that the second team is another team. Names nobody."""
    theirs = request.performer
    found = []
    if urlsplit(source.base_url).netloc == urlsplit(destination.base_url).netloc:
        found.append("Source and destination are on the same server.")
    ours = (source.organization, request.requester.organization)
    if any(_same(theirs.organization, one) for one in ours):
        found.append("The receiving organisation is the one that asks or that keeps the records.")
    npi = theirs.practitioner.npi if theirs.practitioner else None
    asking = request.requester.practitioner
    if npi and asking and asking.npi == npi:
        found.append("The receiving physician is the one who asks.")
    elif npi and any(row.npi == npi for row in rows if row.type == "Practitioner"):
        found.append("The receiving physician has treated the patient before.")
    return found


def _same(one: Organization | None, other: Organization | None) -> bool:
    if one is None or other is None:
        return False
    if one.npi and other.npi:
        return one.npi == other.npi
    return one.name.casefold() == other.name.casefold()
