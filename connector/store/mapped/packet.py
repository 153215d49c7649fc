"""What the map step keeps: decisions, checklist items, and the packet's entries."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ...errors import Held
from ...fhir.lossless import sha256
from ...fhir.record import retagged
from ...gap import ItemKind
from ..case.casefile import CaseFile

LETTER = "Communication"  # the authored resource by which an update is told

OUTCOMES = ("selected", "not-selected", "withheld", "entered-in-error", "merged")


class Decision(NamedTuple):
    """What becomes of one pulled record, and the id of the rule that decided."""

    type: str
    id: str
    outcome: str  # one of OUTCOMES
    rule: str
    reason: str
    label: str = ""  # the security labels that the rule saw
    because: str = ""  # `Type/id` of the record or Consent from which this follows


class Item(NamedTuple):
    """One line of the checklist as it was found.

    `evidence`, a line each: records (`Type/id` at the source), documents supplied
    (`Type/<derived id>`), or queries without answer.
    """

    item: str
    need: str  # required | recommended | optional
    kind: ItemKind
    why: str
    ask: str
    evidence: str
    answered: bool

    @property
    def missing(self) -> bool:
        """Whether it has to be there and nothing answers it."""
        return self.need == "required" and not self.answered

    @property
    def told(self) -> bool:
        """Whether people hear that it lacks: an optional one if there is something to be had."""
        return not self.answered and (self.need != "optional" or bool(self.evidence))


class Entry(NamedTuple):
    """One resource of the packet, in packet form (references are `Type/<derived id>`)."""

    seq: int
    type: str
    id: str
    origin: str  # carried | authored
    source: str  # `Type/id` at the source for a carried record, else the template's name
    sha256: str
    body: bytes


def whole(row: Iterable[Any]) -> Entry:
    """An entry from its row. Raises `Held` (`altered`) if its bytes are not those that were kept.

    Every way out reads entries here, so what was changed in the file meanwhile never leaves.
    """
    found = Entry(*row)
    if sha256(found.body) != found.sha256:
        raise altered()
    return found


def altered() -> Held:
    """What a changed or damaged case file is told as."""
    return Held(
        "altered",
        "the case file does not hold the bytes that were kept in it: it was changed or damaged",
        "Find out by whom or what. If nothing has left, `connector pull CASE` begins anew; else put"
        " a backup of the case's folder back, or `connector recall CASE`.",
    )


def replace_packet(
    case: CaseFile,
    decisions: Iterable[Decision],
    items: Iterable[Item],
    entries: Iterable[tuple[str, str, str, str, bytes]],
) -> str:
    """Put a new packet in place of the old in one transaction. Returns its hash.

    `entries`: (type, derived id, origin, source, body), streamed, in packet order.
    """
    with case.commit():
        for table in ("decision", "item", "entry"):
            case.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above
        case.executemany("INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?)", decisions)
        case.executemany(
            "INSERT INTO item (item, need, kind, why, ask, evidence, answered)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            items,
        )
        for resource_type, resource_id, origin, source, body in entries:
            case.execute(
                "INSERT INTO entry (type, id, origin, source, sha256, body)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (resource_type, resource_id, origin, source, sha256(body), body),
            )
        digest = packet_hash(case)
        case.state.packet_hash = digest
    return digest


def packet_hash(case: CaseFile) -> str:
    """SHA-256 over every entry's type, id and content hash: what a person approves."""
    lines = (
        f"{resource_type}/{resource_id} {digest}\n"
        for resource_type, resource_id, digest in case.stream(
            "SELECT type, id, sha256 FROM entry ORDER BY type, id"
        )
    )
    return sha256("".join(lines).encode())


def hashes(case: CaseFile) -> dict[str, str]:
    """`Type/<derived id>` → SHA-256 of its bytes, of every entry."""
    rows = case.rows("SELECT type, id, sha256 FROM entry")
    return {f"{resource_type}/{resource_id}": digest for resource_type, resource_id, digest in rows}


def names(case: CaseFile) -> dict[str, str]:
    """`Type/<derived id>` → what the entry is called at the source; an authored one as here."""
    rows = case.rows("SELECT type, id, origin, source FROM entry")
    return {f"{t}/{i}": name if origin == "carried" else f"{t}/{i}" for t, i, origin, name in rows}


def entries(case: CaseFile, origin: str | None = None) -> Iterator[Entry]:
    """The packet's entries in order; only `carried` or `authored` ones if asked."""
    sql = "SELECT seq, type, id, origin, source, sha256, body FROM entry"
    where = " WHERE origin = ?" if origin else ""
    return (
        whole(row)
        for row in case.stream(sql + where + " ORDER BY seq", (origin,) if origin else ())
    )


def heads(case: CaseFile) -> list[tuple[str, str, str, str]]:
    """Type, derived id, origin and source of every entry, in order."""
    rows = case.rows("SELECT type, id, origin, source FROM entry ORDER BY seq")
    return [(str(t), str(i), str(origin), str(source)) for t, i, origin, source in rows]


def keys(case: CaseFile) -> list[tuple[str, str]]:
    """Type and derived id of every entry, in order."""
    return [(t, i) for t, i, _, _ in heads(case)]


def count(case: CaseFile) -> int:
    """How many entries the packet has."""
    found = case.row("SELECT count(*) FROM entry")
    return int(found[0]) if found else 0


def entry(case: CaseFile, resource_type: str, resource_id: str) -> Entry | None:
    """One entry by type and derived id, or by the id under which it goes anew (`update`)."""
    columns = "seq, entry.type, entry.id, origin, source, sha256, body"
    key = (resource_type, resource_id)
    found = case.row(f"SELECT {columns} FROM entry WHERE type = ? AND id = ?", key)  # noqa: S608
    if found:
        return whole(found)
    found = case.row(
        f"SELECT {columns} FROM entry JOIN renewed USING (type, id)"  # noqa: S608
        " WHERE type = ? AND new_id = ?",
        key,
    )
    if found is None:
        return None
    anew = whole(found)
    body = retagged(anew.body, resource_id)
    return anew._replace(id=resource_id, body=body, sha256=sha256(body))


def authored(case: CaseFile, name: str) -> Entry | None:
    """The authored entry made by the template called `name` (for example `ServiceRequest`)."""
    found = case.row(
        "SELECT seq, type, id, origin, source, sha256, body FROM entry"
        " WHERE origin = 'authored' AND source = ?",
        (name,),
    )
    return whole(found) if found else None


def key_of_authored(case: CaseFile, name: str) -> str | None:
    """`Type/<derived id>` of the authored entry made by the template called `name`."""
    found = case.row("SELECT type, id FROM entry WHERE origin = 'authored' AND source = ?", (name,))
    return "/".join(found) if found else None


def key_of_carried(case: CaseFile, source: str) -> str | None:
    """`Type/<derived id>` of the entry made of a record (`Type/id` at the source)."""
    found = case.row(
        "SELECT type, id FROM entry WHERE origin = 'carried' AND source = ?", (source,)
    )
    return "/".join(found) if found else None


def decisions(case: CaseFile, outcome: str | None = None) -> list[Decision]:
    """What was decided of each record; only one outcome if asked."""
    sql = "SELECT type, id, outcome, rule, reason, label, because FROM decision"
    where = " WHERE outcome = ?" if outcome else ""
    rows = case.rows(sql + where + " ORDER BY type, id", (outcome,) if outcome else ())
    return [Decision(*row) for row in rows]


def keep_undone(case: CaseFile, made: Iterable[Decision]) -> None:
    """Keep what was decided of records when the case was held before there was a packet."""
    decisions = [list(decision) for decision in made]
    if decisions or case.state.decided_before_held:
        case.state.decided_before_held = decisions or None


def undone(case: CaseFile) -> list[Decision]:
    """What was decided of records when the case was held before there was a packet."""
    return [Decision(*values) for values in case.state.decided_before_held]


def items(case: CaseFile) -> list[Item]:
    """The checklist as it was found, in its order."""
    rows = case.rows("SELECT item, need, kind, why, ask, evidence, answered FROM item ORDER BY seq")
    return [Item(*row)._replace(kind=ItemKind(row[2]), answered=bool(row[-1])) for row in rows]
