"""Check a receipt without any server or configuration: its digest, its signature, its packet."""

from dataclasses import dataclass, field
from typing import Any

from ...errors import UsageError
from ...fhir.bundle import entries
from ...fhir.lossless import UndecodableError, decode, members, sha256
from ...signature import BadKeys, BadSignature, verified
from . import receipt_digest
from .receipt import VERSION


@dataclass
class Checked:
    """What was checked, and what was found wrong. `wrong` is empty when everything holds."""

    values: dict[str, Any]
    checked: list[str] = field(default_factory=list)  # digest | signature | packet
    wrong: list[str] = field(default_factory=list)


def check(
    proof: bytes, jws: bytes | None = None, jwks: Any = None, packet: bytes | None = None
) -> Checked:
    """Check the bytes of receipt.json.

    `jws` with `jwks` (decoded): receipt.jws and the keys one of which signed it; `packet`: the
    bytes of packet.json. `UsageError` for what can't be read as what it should be.
    """
    found = Checked(receipt_digest.opened(proof), ["digest"])
    if found.values["digest"] != receipt_digest.digest(found.values):
        found.wrong.append("digest: the receipt is not as it was written")
    elif found.values.get("version") != VERSION:
        raise UsageError(
            f"the receipt has version {found.values.get('version')}, this program knows {VERSION}",
            "Use the version of connector that wrote it.",
        )
    if jws is not None:
        found.checked.append("signature")
        if content(jws, jwks) != proof:
            found.wrong.append("signature: it is of another receipt")
    if packet is not None and not found.wrong:
        found.checked.append("packet")
        found.wrong += _packet(found.values, packet)
    return found


def content(jws: bytes, jwks: Any) -> bytes:
    """What stands in a signed receipt. `BadSignature` if none of `jwks` signed it."""
    try:
        return verified(jws.removesuffix(b"\n"), jwks)
    except BadKeys as error:
        raise UsageError(f"--jwks: {error}", "Name the public keys: jwks.json.") from None


def _packet(values: dict[str, Any], packet: bytes) -> list[str]:
    """What of packet.json is not as the receipt says: entry by entry, then as a whole."""
    try:
        bodies = [body for _, body in entries(packet)]
        hashes = {_key(body): sha256(body) for body in bodies if body is not None}
    except (UndecodableError, KeyError):
        raise UsageError(
            "the packet is not a Bundle that can be read", "Name the packet.json of the case."
        ) from None
    wrong = _envelope(packet, list(hashes))
    told = {line["packet"]: line["sha256_packet"] for line in values["resources"]}
    wrong += [
        f"packet: {key} is not {'in it' if key not in hashes else 'as it was sent'}"
        for key, digest in told.items()
        if hashes.get(key) != digest
    ]
    lines = (f"{key} {digest}\n" for key, digest in sorted(hashes.items(), key=_by_type))
    whole = len(hashes) == len(bodies) and sha256("".join(lines).encode()) == values["packet_hash"]
    if not wrong and not whole:
        wrong.append("packet: it is not the one with this packet_hash")
    return wrong


def _envelope(packet: bytes, keys: list[str]) -> list[str]:
    """What around the entries is not as `store.mapped.export` writes it: no hash is needed."""
    try:
        top = decode(packet)
    except UndecodableError:
        return ["packet: its envelope is not as it was written (it can't be read as JSON)"]
    kept = {name: value for name, value in top.items() if name != "entry"}
    if kept != {"resourceType": "Bundle", "type": "collection"}:
        return ["packet: its envelope is not as it was written (Bundle.type, or another member)"]
    urls = [{name: v for name, v in entry.items() if name != "resource"} for entry in top["entry"]]
    if urls != [{"fullUrl": f"urn:uuid:{key.partition('/')[2]}"} for key in keys]:
        return ["packet: its envelope is not as it was written (fullUrl, or another member)"]
    return []


def _key(body: bytes) -> str:
    top = members(body)
    return "/".join(str(decode(top[name])) for name in ("resourceType", "id"))


def _by_type(item: tuple[str, str]) -> list[str]:
    return item[0].split("/")


__all__ = ["BadSignature", "Checked", "check", "content"]
