"""What an example in a mapping file looks like: something small, and what the rules make of it.

`connector mappings check` runs them (try_out/check.py). Records in them may lack what no rule
asks for. They are looked at as of 2026-01-01.
"""

from typing import Any, Literal

from pydantic import Field

from ...model import Model, Text

AS_OF = "2026-01-01T00:00:00Z"
NOTHING = "none"  # no rule of the file means the record


class _Record(Model):
    record: dict[str, Any]


class ItemExample(_Record):
    """A record for a checklist item. `older`: outside its window; `another`: not meant by it.

    `condition`: the condition in question (`Condition/id`), which the record may refer to.
    """

    item: Text
    condition: Text | None = None
    found: Literal["present", "preliminary", "empty", "refuted", "older", "another"] = Field(
        alias="is"
    )


class StatusExample(_Record):
    """A record and whether it counts as present."""

    found: Literal["present", "preliminary", "empty", "refuted"] = Field(alias="is")


class RuleExample(_Record):
    """A record and the id of the rule, or section, that it comes under, or `none`.

    `condition`: the condition in question; only of sections.
    """

    condition: Text | None = None

    found: Text = Field(alias="is")


class KindExample(_Record):
    """A record and its kinds, each with how it is known: `[ecg by code, heart-test by code]`."""

    found: tuple[Text, ...] | Literal["none"] = Field(alias="is")


class OrderExample(Model):
    """Sections, or the records of one section, in the order in which they come."""

    sections: tuple[Text, ...] = ()
    section: Text | None = None
    records: tuple[dict[str, Any], ...] = ()
    found: tuple[Text, ...] = Field(alias="is")  # section ids, or ids of the records


class TemplateExample(Model):
    """Variables, and FHIRPath expressions that hold of the resource made with them."""

    variables: dict[str, Any]
    found: tuple[Text, ...] = Field(alias="is")


class TermExample(Model):
    """A code (`system|code`) and its display; through a ConceptMap: its translation, or `none`."""

    code: Text
    found: Text = Field(alias="is")


class ProgrammeExample(_Record):
    """A record for an item of a programme, or before and after one of its changes.

    With neither: whether the record `travels` or `stays`.
    """

    item: Text | None = None
    change: Text | None = None
    found: Any = Field(alias="is")
