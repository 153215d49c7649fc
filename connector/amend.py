"""What a person adds to a case before it leaves: a document, or the word to do without an item."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from . import packet, regularfile, transfer
from .errors import UsageError
from .instant import instant
from .job import Job, stated
from .model import unreadable
from .ours import must_not_be_ours
from .store.case.casefile import CaseFile
from .store.mapped import answers
from .store.private import private_folder
from .store.status.standing import Standing

_PIECE = 256 * 1024
_TITLE_MAX = 200


@dataclass(frozen=True)
class Description:
    """What is said of a document: empty where nobody said. `date`: FHIR, `loinc`: its kind."""

    title: str = ""
    date: str = ""
    loinc: str = ""

    def check(self) -> None:
        """`UsageError` if date or kind is not written as FHIR wants it, or the title unreadable."""
        if (found := unreadable(self.title)) or len(self.title) > _TITLE_MAX:
            why = (
                f"a control character ({found})"
                if found
                else f"longer than {_TITLE_MAX} characters"
            )
            raise UsageError(f"--title: {why}", "Write it in a few plain words.")
        if self.date and packet.interval(self.date) is None:
            raise UsageError("--date: expected a date such as 2026-03-02 or 2026", "Correct it.")
        if self.loinc and not re.fullmatch(r"[0-9]{1,7}-[0-9]", self.loinc):
            raise UsageError("--type: expected a LOINC code such as 11526-1", "Correct it.")


def attach(job: Job, item: str, path: Path, description: Description) -> Standing:
    """Keep a file for an item of the checklist, and map again. It then counts as supplied.

    `UsageError` if there is no such item, or the file is too large or of a kind nobody can open.
    """
    _known(job, item)
    description.check()
    with _spooled(job, path) as (file, sha256, size):
        kind = packet.media_type(path.name, file.read(packet.HEAD))
        said = description.title, description.date, description.loinc
        document = answers.Supplied(item, sha256, kind, size, *said)
        return transfer.amend(job, lambda case: answers.supply(case, document, file))


def detach(job: Job, digest: str) -> Standing:
    """Take back the document whose SHA-256 begins so, for every item, and map again."""

    def change(case: CaseFile) -> None:
        found = [d for d in answers.supplied(case) if d.sha256.startswith(digest)]
        if len({document.sha256 for document in found}) != 1:
            raise UsageError(
                "several attached documents begin so" if found else "no such attached document",
                "`connector attach CASE --list` shows them.",
            )
        for document in found:
            answers.take_back(case, document)

    return transfer.amend(job, change)


def waive(job: Job, item: str, by: str, reason: str) -> Standing:
    """Do without an item: it no longer counts as missing. The reason stays in the case file."""
    _known(job, item)
    example = "echo 'the slides were lost' | connector waive CASE ITEM --by NAME"
    waiver = answers.Waiver(item, by, stated(reason, example), instant(job.clock()))
    return transfer.amend(job, lambda case: answers.waive(case, waiver))


def unwaive(job: Job, item: str) -> Standing:
    """Wait for an item again."""

    def change(case: CaseFile) -> None:
        if not answers.unwaive(case, item):
            raise UsageError(
                "that item is not waived", "`connector waive CASE --list` shows which are."
            )

    return transfer.amend(job, change)


def _known(job: Job, item: str) -> None:
    job.checklist.named(item, "an item was named that")


@contextmanager
def _spooled(job: Job, path: Path) -> Iterator[tuple[IO[bytes], str, int]]:
    """A private copy without a name, its SHA-256 and size: the file may change while it is read."""
    limit = job.source.attachment_bytes_max
    digest = hashlib.sha256()
    must_not_be_ours(job.config, path, "the file")
    original = regularfile.opened(path, follow=False)
    private_folder(job.config.store.path)
    with original, TemporaryFile(dir=job.config.store.path) as file:
        while piece := original.read(min(_PIECE, limit + 1 - file.tell())):
            digest.update(piece)
            file.write(piece)
        size = file.tell()
        if size > limit:
            raise UsageError(
                f"the file is larger than {limit} bytes (attachment_bytes_max)",
                "Make it smaller, or raise the setting of the source.",
            )
        if size == 0:
            raise UsageError("the file is empty", "Attach another one.")
        file.seek(0)
        yield file, digest.hexdigest(), size
