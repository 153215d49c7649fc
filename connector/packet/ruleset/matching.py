"""Which records a rule means, and the rules of the first page, which are made of such."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ...model import Model, Text, shaped

_window = shaped(
    r"all|latest|[1-9]\d{0,3} months", "all, latest, or a number of months such as `12 months`"
)
Window = Annotated[str, AfterValidator(_window)]


class Match(Model):
    """Which records: of one type, and where given with one of these codes, categories, statuses.

    Codes as in a FHIR search: `system|code`, or `code` for any system. `unstated` as status: none.
    `kind`: of one of these kinds (kinds/*.yaml), in any type if none is given; `not_kind`: of none
    of these. `about` the condition in question: records that say so (`condition`), or all but
    those that are about another one only (`no-other`). `own_words`: what the patient said.
    """

    type: Text = ""  # only where `kind` is given; the loader puts the types of the kinds
    kind: frozenset[Text] = frozenset()
    not_kind: frozenset[Text] = frozenset()
    about: Literal["condition", "no-other"] | None = None
    own_words: bool = False
    code: frozenset[Text] = frozenset()
    category: frozenset[Text] = frozenset()
    status: frozenset[Text] = frozenset()
    intent: frozenset[Text] = frozenset()
    window: Window | None = None  # instead of the item's

    @model_validator(mode="after")
    def _says_which(self) -> "Match":
        if not (self.type or self.kind):
            raise ValueError("expected a type, or a kind")
        return self


class Front(Model):
    """What stands on the first page whatever is asked, by the ids of sections and by rules.

    `illness`: problems that come first where the request names no condition. `staged`: what belongs
    to the diagnosis in question. `watch`: sections of which every row has to be seen. `thinners`:
    medication that comes first. `quoted`: beginnings of words; where a note has one of them, its
    sentence stands with the allergies. `common`: words of questions that say nothing of what they
    are about.
    """

    illness: tuple[Match, ...] = ()
    staged: tuple[Match, ...] = ()
    watch: tuple[Text, ...] = ()
    thinners: tuple[Match, ...] = ()
    quoted: tuple[Text, ...] = ()
    common: frozenset[Text] = frozenset()


class Bearing(Model):
    """What bears on a key question, and stands on the first page: the newest, `most` of them.

    `cases`: kinds of case in which it does; none: in every one.
    """

    title: Text
    cases: frozenset[Text] = frozenset()
    most: int = Field(default=3, ge=1, le=12)
    match: tuple[Match, ...]
