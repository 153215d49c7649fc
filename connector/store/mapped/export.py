"""The packet and the receipt as files beside the case file, for people and other programs."""

import os

from ..case.casefile import CaseFile
from ..private import write_private
from . import packet as entries_of


def packet(case: CaseFile) -> None:
    """Write packet.json: a collection Bundle of every entry, in packet order, streamed."""
    part = case.folder / "packet.json.part"
    descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(b'{"resourceType":"Bundle","type":"collection","entry":[')
        for number, entry in enumerate(entries_of.entries(case)):
            out.write(b",\n" if number else b"\n")
            out.write(b'{"fullUrl":"urn:uuid:' + entry.id.encode() + b'","resource":')
            out.write(entry.body + b"}")
        out.write(b"\n]}\n")
        out.flush()
        os.fsync(out.fileno())
    part.replace(case.folder / "packet.json")


def receipt(case: CaseFile, proof: bytes, signed: bytes | None = None) -> None:
    """Write receipt.json, and receipt.jws where it is signed. An older signature never stays."""
    signature = case.folder / "receipt.jws"
    signature.unlink(missing_ok=True)
    write_private(case.folder / "receipt.json", proof)
    if signed is not None:
        write_private(signature, signed)


def keep_told(case: CaseFile, number: int) -> None:
    """Keep packet `number` (0: the first) and its receipt, before the next takes their place.

    `packet-0.json`, `receipt-0.json`, `receipt-0.jws`.
    """
    for name in ("packet.json", "receipt.json", "receipt.jws"):
        path = case.folder / name
        if path.exists():
            # Both are replaced, never written over: the second name keeps the bytes of today.
            kept = path.with_stem(f"{path.stem}-{number}")
            kept.unlink(missing_ok=True)
            kept.hardlink_to(path)


def recall(case: CaseFile, report: bytes) -> None:
    """Write recall.json: what became of each resource of a packet that was recalled."""
    write_private(case.folder / "recall.json", report)
