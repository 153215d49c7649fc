"""What the mapping files say of content: codes translated, and what a programme wants."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ...model import Model, Text
from ...settings import Accepts, BundleSettings
from .examples import ProgrammeExample, TermExample
from .rules import ChecklistItem, Element, File


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
