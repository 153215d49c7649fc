"""The rules a mappings folder may hold, as typed values: one class per kind of file or rule.

An unknown key or a wrong value is an error; `mappings.load` adds file and line.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from ..request import KeyQuestion, Model, Text


def _window(text: str) -> str:
    if not re.fullmatch(r"all|latest|[1-9]\d{0,3} months", text):
        raise ValueError("expected all, latest, or a number of months such as `12 months`")
    return text


Window = Annotated[str, AfterValidator(_window)]


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
    questions: tuple[KeyQuestion, ...] = ()
    section: Text
    origin: Text
    ask: Text
    match: tuple[Match, ...]


class File(Model):
    """What every file says of itself."""

    version: Text
    about: Text


class Checklist(File):
    """A file of checklists/."""

    items: tuple[ChecklistItem, ...]


class TypeStatus(Model):
    """When a record of one type is present. Empty tuples ask for nothing."""

    present: frozenset[Text] = frozenset()
    document: frozenset[Text] = frozenset()  # DocumentReference.docStatus, where stated
    readable: tuple[tuple[Text, ...], ...] = ()


class Status(File):
    """status/general.yaml."""

    types: dict[str, TypeStatus]


class Safety(Model):
    """Records that always travel; with `hold_if_withheld` a withheld one stops the case."""

    id: Text
    reason: Text
    hold_if_withheld: bool = False
    match: tuple[Match, ...]


class Selection(File):
    """selection.yaml."""

    shared: frozenset[Text]
    images: frozenset[Text]
    safety: tuple[Safety, ...]


class Withhold(Model):
    """Records with one of these security labels stay, unless the request's basis lets them go."""

    id: Text
    reason: Text
    labels: frozenset[Text]
    unless: tuple[Literal["patient-authorization"], ...] = ()


class Release(File):
    """release/general.yaml."""

    rules: tuple[Withhold, ...]


class NeverRule(Model):
    """Types that never travel."""

    id: Text
    reason: Text
    types: tuple[Text, ...]


class Never(File):
    """release/never.yaml."""

    rules: tuple[NeverRule, ...]


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


class Template(File):
    """A file of templates/: one FHIR resource with FPML expressions in it."""

    template: dict[str, Any]
