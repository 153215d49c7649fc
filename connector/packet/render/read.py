"""What the page says: how the packet is read (`author.reading`), and the words of its documents."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import UsageError
from ...fhir.lossless import decode
from ...fhir.shapes import as_text, dicts
from ...store.case.casefile import CaseFile
from ...store.mapped import packet
from ...view.rows import Text
from ..author.composition import RECONCILE
from . import texts
from .head import head, resource

_QUOTES = 2  # notes that are quoted on the first page


def values(case: CaseFile) -> dict[str, Any]:
    """Title, head, first page and sections, see `view.page`."""
    read = case.state.reading
    if read is None:
        raise UsageError(
            "the packet was made by an older program, which has no page of it",
            "Map the case again (`connector map`), and approve the packet where that is needed.",
        )
    front, told = read["front"], head(case)
    rows = {row["id"]: row for section in read["sections"] for row in section["rows"]}
    for name in (*front["hinge"], *front["plan"]):
        row = rows[name]
        row["text"] = "\n".join(text.words for text in texts_of(case, row["records"], {}))
    return {
        "title": told["title"],
        "head": {**told, "advice": front["advice"]},
        "front": {
            **front,
            "due": told["due"],
            "story": _story(case),
            "reconcile": RECONCILE,
            "quotes": list(_quotes(case, read["sections"], front["quoted"])),
        },
        "sections": read["sections"],
        "caution": RECONCILE,
    }


def texts_of(
    case: CaseFile, records: Sequence[str], files: Mapping[str, Sequence[str]]
) -> list[Text]:
    """What the records of a row hold as documents. `files`: reference → names of files."""
    found = []
    for reference in records:
        names = [name for name in files.get(reference, ()) if name]
        entry = packet.entry(case, *reference.split("/"))
        if entry is None or not (names or b'"div"' in entry.body or b'"data"' in entry.body):
            continue
        said = [words for words in texts.texts(decode(entry.body)) if words]
        for place in range(max(len(said), len(names))):
            words = said[place] if place < len(said) else ""
            found.append(Text(words, names[place] if place < len(names) else ""))
    return found


def _story(case: CaseFile) -> str:
    """The patient's story: the order's note after the question."""
    order = resource(packet.authored(case, "ServiceRequest"))
    return next((as_text(note.get("text")) for note in dicts(order.get("note"))[1:]), "")


def _quotes(
    case: CaseFile, sections: Sequence[Mapping[str, Any]], words: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Id of a row, and what its text says of allergies; the newest first."""
    rows = [row for section in sections for row in section["rows"]]
    notes = [row for row in rows if row["records"][0].startswith(("Document", "Diagnostic"))]
    told: set[str] = set()
    for row in sorted(notes, key=lambda row: str(row["last"]), reverse=True):
        for text in texts_of(case, row["records"], {}) if len(told) < _QUOTES else ():
            said = texts.sentence(text.words, words)
            if said and said not in told:  # a note is often written on from the one before
                told.add(said)
                yield row["id"], said
                break
