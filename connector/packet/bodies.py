"""Second pass: the packet's entries body by body, each made when it is asked for."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial

from ..fhir.lossless import sha256
from ..progress import Progress
from ..store.case.casefile import CaseFile
from ..store.mapped import answers as said
from ..store.mapped import update as update_of
from ..store.mapped.packet import Decision
from ..store.pulled import chart
from .author.news import News, Revision, same_at_source
from .author.resources import Writer
from .author.templates import Authored
from .carry.coverage import Coverage
from .carry.record import Carrier, Form
from .checklist.supplied import Document

# Type, derived id, origin, source and body of an entry, as `replace_packet` wants it.
Line = tuple[str, str, str, str, bytes]

EVERY = 200  # records between two words of progress


def entry(authored: Authored) -> Line:
    """A resource of ours."""
    return authored.type, authored.id, "authored", authored.name, authored.body


def carried(
    case: CaseFile,
    carrier: Carrier,
    decided: Mapping[str, Decision],
    passed_on: Collection[str],
    coverage: Coverage,
    news: News,
    progress: Progress,
) -> Iterator[Line]:
    """Second pass: the records that leave, each put in packet form when it is asked for.

    `passed_on`: of those that were entered in error, what was delivered before anybody said so.
    """
    total = sum(decision.outcome == "selected" for decision in decided.values())
    number = 0
    told = update_of.told_bytes(case) if news.former else {}
    for record in chart.records(case):
        key = f"{record.type}/{record.id}"
        if decided[key].outcome != "selected" and key not in passed_on:
            continue
        form = carrier.form(key, record.body)
        if news.former:
            news.add(
                f"{record.type}/{form.id}",
                sha256(form.body),
                in_error=key in passed_on,
                same=partial(_same, case, carrier, record, form, told.get(key)),
            )
        if key not in passed_on:
            coverage.add(record, form.members, form.notes)
        yield record.type, form.id, "carried", key, form.body
        number += 1
        if number % EVERY == 0 or number == total:
            progress("author", number, total)


def _same(
    case: CaseFile, carrier: Carrier, record: chart.Record, form: Form, told: str | None
) -> bool:
    if record.sha256 == told:  # what was cut out of it since is ours, and not to be told
        return True
    before = update_of.former(case, record.type, form.id)
    return before is not None and same_at_source(before.body, form.body, carrier.named)


def brought(
    case: CaseFile, writer: Writer, documents: Sequence[Document], news: News
) -> Iterator[Line]:
    """The documents that people brought."""
    for document in documents:
        made = writer.document(document, said.supplied_body(case, document.said.sha256))
        if news.former:
            news.add(made.reference, sha256(made.body))
        yield entry(made)


def update(writer: Writer, revision: Revision, news: News) -> Iterator[Line]:
    """What tells of an update, when all before it is compared; a first packet has none."""
    if letter := revision.letter:
        yield letter.type, letter.id, letter.origin, letter.source, letter.body
    elif revision.number:
        yield entry(writer.update(news))
