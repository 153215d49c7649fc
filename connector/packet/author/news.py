"""What an update has to say: which records are new, changed or withdrawn, and what was moved."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...fhir.lossless import decode
from ...fhir.references import objects
from ...request import Request
from ...store.mapped.packet import Entry

_TAKEN_BACK = "{} withdrawn by the source: please do not use copies of what is no longer here."
_LAST = "The summary that came with this takes the place of the former."


@dataclass(frozen=True)
class Revision:
    """Which packet of a case is made: the first (0), or that of update `number`.

    `told`: the request as it was told last. `letter`: what tells this very update, if it was told
    already: it is kept as it is.
    """

    number: int = 0
    told: Request | None = None
    letter: Entry | None = None

    def label(self, name: str) -> str:
        """The name of what each packet of a case has anew."""
        return f"{name}/{self.number}" if self.number else name


@dataclass
class News:
    """A packet against the one before. References are in packet form (`Type/<derived id>`)."""

    former: Mapping[str, str]  # reference → SHA-256 of what an earlier packet held
    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    in_error: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    taken_back: int = 0  # records that a person took back since: told, and not which

    def add(
        self,
        reference: str,
        digest: str,
        *,
        in_error: bool = False,
        same: Callable[[], bool] = lambda: False,
    ) -> None:
        """Compare one entry with what it was.

        `same`: asked of bytes that differ, whether the source says what it said before.
        """
        if reference not in self.former:
            self.new.append(reference)
        elif self.former[reference] != digest:
            if in_error:
                self.in_error.append(reference)
            elif not same():
                self.changed.append(reference)

    def counts(self) -> dict[str, dict[str, int]]:
        """How many records of each type are new, changed, entered-in-error, gone."""
        lists = {
            "new": self.new,
            "changed": self.changed,
            "entered-in-error": self.in_error,
            "gone": self.gone,
        }
        return {
            how: dict(sorted(Counter(each.partition("/")[0] for each in found).items()))
            for how, found in lists.items()
            if found
        }

    def payload(self, moved: Iterable[str]) -> Iterator[dict[str, Any]]:
        """What the receiving team is told: a sentence, then the records that it is about."""
        yield from ({"text": sentence, "record": None} for sentence in moved)
        for references, sentence in (
            (self.new, "{} new since then."),
            (
                self.changed,
                "{} changed by the source since then. Where you changed or removed your copy, that"
                " stays as it is, and the record as it is now came beside it.",
            ),
            (self.in_error, "{} entered in error, the source says."),
            (self.gone, "{} no longer to be found at the source."),
        ):
            if references:
                yield {"text": sentence.format(_records(len(references))), "record": None}
                yield from ({"text": None, "record": {"reference": each}} for each in references)
        if self.taken_back:
            yield {"text": _TAKEN_BACK.format(_records(self.taken_back)), "record": None}
        yield {"text": _LAST, "record": None}


def moved(before: Request, now: Request) -> list[str]:
    """What a person edited in the request, in sentences for the receiving team."""
    said = []
    if now.meeting != before.meeting:
        said.append(
            f"The meeting is now on {now.meeting.start} ({now.meeting.mode})."
            if now.meeting
            else "The meeting is off; there is no new one yet."
        )
    if now.due != before.due:
        said.append(f"The records are needed by {now.due}.")
    asked = ("key_question", "also", "question", "patient_story")
    if any(getattr(now, name) != getattr(before, name) for name in asked):
        said.append("The question was put anew: the summary has it.")
    if not said and now != before:
        said.append("The request was edited: the summary has it as it is now.")
    return said


def same_at_source(before: bytes, now: bytes, named: Callable[[Any], str | None]) -> bool:
    """Whether two forms of a record differ only by what travels with it.

    A reference to a record that stays behind is an identifier, and a link again when that travels:
    `named` gives the reference that such an identifier stands for. The targets of a Provenance are
    trimmed to what travels.
    """
    return bool(_as_linked(decode(before), named) == _as_linked(decode(now), named))


def _as_linked(resource: Any, named: Callable[[Any], str | None]) -> Any:
    for node in objects(resource):
        if "reference" not in node and (reference := named(node.get("identifier"))):
            del node["identifier"]
            node["reference"] = reference
    if resource.get("resourceType") == "Provenance":
        resource.pop("target", None)
    return resource


def _records(number: int) -> str:
    return "1 record is" if number == 1 else f"{number} records are"
