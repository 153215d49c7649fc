"""The rules a mappings folder may hold, as typed values: one class per kind of file or rule.

An unknown key or a wrong value is an error; `loading.load` adds file and line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field

from ...errors import UsageError
from ...model import Model, Text, Token, shaped
from .examples import ItemExample, OrderExample, RuleExample, StatusExample, TemplateExample
from .matching import Bearing, Front, Match, Window

_element = shaped(
    r"[A-Z]\w*(\.\w+)+", "a type and element names such as `Observation.component.code`"
)
Element = Annotated[str, AfterValidator(_element)]


class ChecklistItem(Model):
    """One thing a kind of case needs."""

    id: Text
    title: Text
    need: Literal["required", "recommended", "optional"]
    window: Window
    latest_of_each_code: bool = False  # also the newest of each code, however old
    named_by: Literal["first_opinion"] | None = None  # records the request names come instead
    none_is_an_answer: bool = False  # a search that worked and found nothing answers it
    not_of: tuple[Text, ...] = ()  # what answers one of these items does not answer this one
    apart: bool = False  # pixels, slides: its records say where it is, it comes another way
    section: Text
    origin: Text
    ask: Text
    match: tuple[Match, ...]


class File(Model):
    """What every file says of itself. `examples` are of another kind in each kind of file."""

    version: Text
    about: Text
    examples: tuple[Any, ...] = ()


class ChecklistFile(File):
    """A file of checklists/ as it is written: its own items, or what differs from another's.

    With `extends`, an item of an id that is there changes the fields it names, and any other is
    added; `without` leaves items out.
    """

    extends: Token | None = None
    without: tuple[Text, ...] = ()
    items: tuple[dict[str, Any], ...] = ()
    examples: tuple[ItemExample, ...] = ()


class Place(NamedTuple):
    """Where a rule stands."""

    path: Path
    line: int


@dataclass(frozen=True)
class Checklist:
    """What a kind of case needs, and where each item, by its id, was last written."""

    items: tuple[ChecklistItem, ...]
    places: Mapping[str, Place] = field(default_factory=dict)

    def named(self, name: str, what: str) -> ChecklistItem:
        """An item by its id. `UsageError` if there is none; `what` says who names it."""
        for item in self.items:
            if item.id == name:
                return item
        raise UsageError(
            f"{what} this kind of case does not have: {name}",
            f"The items are: {', '.join(item.id for item in self.items)}.",
        )


class TypeStatus(Model):
    """When a record of one type is present. Empty tuples ask for nothing."""

    present: frozenset[Text] = frozenset()
    document: frozenset[Text] = frozenset()  # DocumentReference.docStatus, where stated
    readable: tuple[tuple[Text, ...], ...] = ()
    refuted: frozenset[Text] = frozenset()  # verificationStatus that says it is not so


class Status(File):
    """status/general.yaml."""

    types: dict[str, TypeStatus]
    examples: tuple[StatusExample, ...] = ()


class Safety(Model):
    """Records that always travel; with `hold_if_withheld` a withheld one stops the case.

    `always` false: they only stop it. `sensitive`: rules of release/heuristic.yaml that mean it
    too. `worded`: records that count if one of `words` stands in what they are called.
    `within_months`: no older record, by the end of what it tells. `supply`: only while what was
    supplied lasts. `latest`: only the newest of each kind.
    """

    id: Text
    reason: Text
    hold_if_withheld: bool = False
    always: bool = True
    supply: bool = False
    latest: bool = False
    sensitive: frozenset[Text] = frozenset()
    within_months: int | None = Field(default=None, ge=1, le=1200)
    match: tuple[Match, ...] = ()
    worded: tuple[Match, ...] = ()
    words: frozenset[Text] = frozenset()


class Selection(File):
    """selection.yaml."""

    shared: frozenset[Text]
    images: frozenset[Text]
    safety: tuple[Safety, ...]
    examples: tuple[RuleExample, ...] = ()


class Advice(File):
    """advice.yaml: when an opinion from afar fits."""

    surgery: tuple[Match, ...]  # records that say that surgery is planned
    hinge_max: int  # more records than that on which the opinion hinges: rather in person
    written_records_max: int  # a larger packet, or one over more years: rather talk than write
    written_years_max: int
    examples: tuple[RuleExample, ...] = ()


class Section(Model):
    """One section of the Composition. `code`: LOINC. `text`: words of ours, never empty."""

    id: Text
    title: Text
    code: Text | None = None
    text: bool = False
    rest: bool = False
    match: tuple[Match, ...] = ()


class Sections(File):
    """sections.yaml."""

    unlisted: frozenset[Text]
    counted: frozenset[Text] = frozenset()  # types that a section's text tells by number alone
    sections: tuple[Section, ...]
    front: Front = Front()
    examples: tuple[RuleExample, ...] = ()


class Order(File):
    """A file of questions/: which sections come first, and how their entries are sorted.

    `lead`: entries that come first in whichever section has them. `primary`: types that come
    first where `entries` says `primary-first`.
    """

    sections: tuple[Text, ...]
    entries: dict[str, Literal["newest-first", "trend", "primary-first"]] = Field(
        default_factory=dict
    )
    lead: tuple[Match, ...] = ()
    primary: frozenset[Text] = frozenset()
    bearing: tuple[Bearing, ...] = ()
    examples: tuple[OrderExample, ...] = ()


class Template(File):
    """A file of templates/: one FHIR resource with FPML expressions in it."""

    template: dict[str, Any]
    examples: tuple[TemplateExample, ...] = ()
