"""The release rules as their files say them: what may not leave, and why."""

from typing import Literal

from pydantic import Field

from ...model import Model, Text
from .examples import RuleExample
from .rules import Element, File


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


# Told as a sensitive kind is, though no rule of heuristic.yaml guesses at it.
NEAR, KEYED = "near what is withheld", "a key of the source in a document"


class Suspicion(Model):
    """Records of one sensitive kind, by what they look like.

    `codes`: by the name of a system in the file; a `*` at the end stands for any more characters.
    `words`: in a text, title or display, as whole words, with or without accents; with a `*` at the
    end also the beginning of one.
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
    not_meant: tuple[Text, ...] = ()  # phrases in which words are about something else
    no_words: frozenset[Text] = frozenset()  # types whose words are about something else
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
