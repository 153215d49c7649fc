"""What lets us in: our certificate, our token, its scopes."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from ...endpoint import Endpoint, Grant
from ...errors import Exit
from .check import Check


def certificate(name: str, endpoint: Endpoint, exit_code: Exit) -> Iterator[Check]:
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


def described(grant: Grant) -> str:
    """A token in words: its life, and how much of what was asked is granted."""
    life = "no end said" if grant.expires_in_s is None else f"for {grant.expires_in_s:.0f} s"
    scopes = "scopes not said" if grant.scopes is None else f"{len(grant.scopes)} scopes granted"
    return f"obtained, {life}; {len(grant.asked)} scopes asked, {scopes}"


def scopes(
    name: str, endpoint: Endpoint, needed: Collection[str], excused: Collection[str], code: Exit
) -> Iterator[Check]:
    """What the token does not reach of the types needed. `excused`: told, and no failure."""
    if endpoint.grant() is None:
        return
    missing = sorted(one for one in needed if endpoint.granted(one) is False)
    partly = sorted(one for one in needed if endpoint.granted_in_part(one))
    detail = f"{len(needed) - len(missing)} of {len(needed)} types needed are granted"
    detail += f"; not: {', '.join(missing)}" if missing else ""
    detail += f"; in part: {', '.join(partly)}" if partly else ""
    ok = not set(missing) - set(excused)
    fix = "" if ok else "Ask its people to allow this client these types."
    yield Check(name, "scopes", ok, detail, fix, code)
