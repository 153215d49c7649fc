"""The rules a mappings folder may hold, as typed values: one class per kind of file or rule.

An unknown key or a wrong value is an error; `mappings.load` adds file and line.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field

from ...errors import UsageError
from ...request import Model, Text, Token
from ...settings import Accepts, BundleSettings
from .examples import (
    ItemExample,
    OrderExample,
    ProgrammeExample,
    RuleExample,
    StatusExample,
    TemplateExample,
    TermExample,
)


def _window(text: str) -> str:
    if not re.fullmatch(r"all|latest|[1-9]\d{0,3} months", text):
        raise ValueError("expected all, latest, or a number of months such as `12 months`")
    return text


Window = Annotated[str, AfterValidator(_window)]


def _element(text: str) -> str:
    if not re.fullmatch(r"[A-Z]\w*(\.\w+)+", text):
        raise ValueError("expected a type and element names such as `Observation.component.code`")
    return text


Element = Annotated[str, AfterValidator(_element)]


class Match(Model):
    """Which records: of one type, and where given with one of these codes, categories, statuses.

    Codes as in a FHIR search: `system|code`, or `code` for any system. `unstated` as status: none.
    """

    type: Text
    code: frozenset[Text] = frozenset()
    category: frozenset[Text] = frozenset()
    status: frozenset[Text] = frozenset()
    intent: frozenset[Text] = frozenset()
    window: Window | None = None  # instead of the item's


class ChecklistItem(Model):
    """One thing a kind of case needs."""

    id: Text
    title: Text
    need: Literal["required", "recommended", "optional"]
    window: Window
    latest_of_each_code: bool = False  # also the newest of each code, however old
    named_by: Literal["first_opinion"] | None = None  # records the request names come instead
    none_is_an_answer: bool = False  # a search that worked and found nothing answers it
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

    `always` false: they only stop it. `kinds`: rules of release/heuristic.yaml that mean it too.
    `worded`: records that count if one of `words` stands in what they are called.
    `within_months`: no older record. `supply`: only while what was supplied lasts.
    """

    id: Text
    reason: Text
    hold_if_withheld: bool = False
    always: bool = True
    supply: bool = False
    kinds: frozenset[Text] = frozenset()
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


class Withhold(Model):
    """Records with one of these security labels stay, unless something lets them go.

    `unless`: the request's basis, or a consent in the chart that names each of these labels that
    the record has. `authorization`: what an authorization has to name for it, and without which no
    person can release one of them; None: a general one.
    """

    id: Text
    reason: Text
    labels: frozenset[Text]
    authorization: Text | None = None
    unless: frozenset[Literal["patient-authorization", "consent"]] = frozenset()


class EncounterNotes(Model):
    """Notes of an encounter of which something is withheld stay too, but for some kinds of note."""

    id: Text
    reason: Text
    types: frozenset[Text]
    opted_in: frozenset[Text] = frozenset()  # codes of notes that travel all the same


class Notice(Model):
    """What a packet has to say, and how it is labelled, when records of these rules leave."""

    of: frozenset[Text]
    text: Text
    label: Text


class Release(File):
    """release/general.yaml."""

    notices: tuple[Notice, ...] = ()
    rules: tuple[Withhold, ...]
    notes_of_withheld_encounters: EncounterNotes | None = None
    examples: tuple[RuleExample, ...] = ()


class EndpointSecrets(File):
    """release/endpoints.yaml: addresses and keys of the source that stay there."""

    id: Text
    reason: Text
    named_hosts: frozenset[Text] = frozenset()
    parameters: tuple[Text, ...]
    examples: tuple[RuleExample, ...] = ()


class Shadows(File):
    """release/shadows.yaml: what tells of a withheld record, by the element that links the two."""

    id: Text
    reason: Text
    with_: tuple[Element, ...] = Field(alias="with")
    with_all: tuple[Element, ...] = ()
    takes: tuple[Element, ...] = ()
    takes_last: tuple[Element, ...] = ()
    takes_reports: tuple[Element, ...] = ()
    beside: dict[Text, tuple[Text, ...]] = Field(default_factory=dict)
    told_in: dict[Element, tuple[Text, ...]] = Field(default_factory=dict)
    examples: tuple[RuleExample, ...] = ()


class LabelSystem(Model):
    """A code system of security labels, and what else it was called."""

    url: Text
    known_as: tuple[Text, ...] = ()


class LabelList(Model):
    """Labels of one kind. `system`: by default the first of the file's."""

    id: Text
    source: Text  # where these codes are published
    tell: Text | None = None  # what the dry run says when such a record leaves
    system: Text | None = None
    codes: tuple[Text, ...] = Field(min_length=1)
    names: tuple[Text, ...] = ()  # words for it, where a label has no code; they mean the first


class LabelTerms(File):
    """release/labels.yaml: the security labels there are, and under which names."""

    systems: tuple[LabelSystem, ...] = Field(min_length=1)
    other_systems: tuple[Text, ...] = ()
    extensions: frozenset[Text] = frozenset()
    includes: dict[Text, tuple[Text, ...]] = Field(default_factory=dict)  # codes of the first one
    lists: tuple[LabelList, ...]
    examples: tuple[RuleExample, ...] = ()


class Suspicion(Model):
    """Records of one sensitive kind, by what they look like.

    `codes`: by the name of a system in the file; a `*` at the end stands for any more characters.
    `words`: in a text, title or display, as whole words.
    """

    id: Text
    kind: Text
    reason: Text
    codes: dict[Text, tuple[Text, ...]] = Field(default_factory=dict)
    words: tuple[Text, ...] = ()
    types: tuple[Text, ...] = ()
    unless: frozenset[Literal["patient-authorization"]] = frozenset()


class Minors(Model):
    """Which of these kinds are care of their own in a patient younger than so many years."""

    id: Text
    kind: Text
    reason: Text
    below_years: int = Field(ge=0, le=30)
    of: frozenset[Text]


Mode = Literal["tell", "hold", "withhold"]


class Heuristic(File):
    """release/heuristic.yaml: a guess at what a source may have left unlabelled."""

    mode: Mode = "tell"
    modes: dict[Text, Mode] = Field(default_factory=dict)  # of a kind, where it is another
    caveat: Text
    systems: dict[Text, tuple[Text, ...]]
    rules: tuple[Suspicion, ...]
    minors: Minors | None = None
    examples: tuple[RuleExample, ...] = ()

    def mode_of(self, kind: str) -> Mode:
        """What comes of a guess that a record is of this kind."""
        return self.modes.get(kind, self.mode)


class ConsentTerms(File):
    """release/consent.yaml: which codes of a Consent mean the disclosure that a packet is."""

    scopes: frozenset[Text]
    other_scopes: frozenset[Text] = frozenset()
    recipients: frozenset[Text]
    actions: frozenset[Text]
    other_actions: frozenset[Text]
    purposes: dict[Literal["treatment", "patient-authorization"], frozenset[Text]]
    other_purposes: frozenset[Text]
    examples: tuple[RuleExample, ...] = ()


class NeverRule(Model):
    """Types that never travel."""

    id: Text
    reason: Text
    types: tuple[Text, ...]


class Never(File):
    """release/never.yaml."""

    rules: tuple[NeverRule, ...]
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
    sections: tuple[Section, ...]
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
    examples: tuple[OrderExample, ...] = ()


class Template(File):
    """A file of templates/: one FHIR resource with FPML expressions in it."""

    template: dict[str, Any]
    examples: tuple[TemplateExample, ...] = ()


class Applies(Model):
    """Where a ConceptMap applies: to the CodeableConcepts at these element paths."""

    id: Text
    reason: Text
    elements: tuple[Element, ...]


class Terminology(File):
    """A file of terminology/: a CodeSystem, a ValueSet, or a ConceptMap with where it `applies`."""

    applies: Applies | None = None
    resource: dict[str, Any]
    examples: tuple[TermExample, ...] = ()


class StripProfile(Model):
    """Take these profiles out of meta.profile (none named: all), of records of these types."""

    id: Text
    reason: Text
    kind: Literal["strip-profile"]
    types: frozenset[Text] = frozenset()  # none named: every type
    profiles: frozenset[Text] = frozenset()


class RoundDecimals(Model):
    """Keep at most `places` digits behind the point, half to even, at these element paths."""

    id: Text
    reason: Text
    kind: Literal["round-decimals"]
    elements: tuple[Element, ...]
    places: int = Field(ge=0, le=30)


Change = Annotated[StripProfile | RoundDecimals, Field(discriminator="kind")]


class Tag(Model):
    """A Coding for meta.tag of what we author, which a programme's worklist filters on."""

    system: Text
    code: Text
    display: Text | None = None


class Programme(File):
    """A file of destinations/: what a receiving programme wants. connector.toml wins over it."""

    accepts: Accepts = Accepts()
    bundle: BundleSettings = BundleSettings()
    tags: tuple[Tag, ...] = ()
    items: tuple[ChecklistItem, ...] = ()  # beside the checklist's; same id: in its place
    changes: tuple[Change, ...] = ()
    examples: tuple[ProgrammeExample, ...] = ()
