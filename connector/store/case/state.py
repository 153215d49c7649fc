"""The one typed state of a case: everything that is known of it beside its rows of records.

A value is read as `case.state.NAME` and kept by assigning to it; None takes it away. What is
derived (exit code, reasons, how a case stands) is never kept: `status/standing.py` reads it.
Instants are FHIR instants in UTC. Hashes are SHA-256 in hex. `Type/id` is at the source, if not
said otherwise; a key is `Type/<derived id>`.
"""

from typing import Any, TypeVar

from ...case import State
from ...errors import ConnectorError
from ...settings import Kind
from .field import Default, Field, Kept
from .values import Approval, Closed, Obstacle, Open, Way, Whole, Withdrawal, Withdrawn

T = TypeVar("T")


def required(value: T | None) -> T:
    """A value that an earlier step has kept. `ConnectorError` if it has not."""
    if value is None:
        raise ConnectorError("internal: the case lacks what an earlier step keeps")
    return value


class CaseState(Kept):
    """The state of one case, in the order in which a case comes to have it."""

    # the request, and between which two ends

    fence = Field[int]()
    """Number of the one writer (`CaseFile.take`)."""
    request = Field[dict[str, Any]]()
    """The request as it was accepted last, as JSON: one an older program took may not validate."""
    request_file = Field[str]()
    """The file from which the case was last worked on."""
    needed_by = Field[str]()
    """When the records are needed: a date, or an instant."""
    route = Field[dict[str, Any]]()
    """Patient, source and destination as frozen when the case was opened (`route.route`)."""
    adopted_at = Field[str]()
    """Since when the ends of a case are known that an older program opened without them."""

    # how far it has come

    status = Default[State](lambda: State.OPENED, State)
    """How far the case has come, or what it stands still at."""
    obstacle = Field[Obstacle]()
    """What stopped the last run."""
    held_by = Default[list[dict[str, str]]](list)
    """Records and rules that hold the case: for a person only, never a log."""
    back_at = Field[str]()
    """Until when a server asked us to wait."""
    closed = Field[Closed]()
    """Who said that nobody waits for it any more."""

    # the chart

    as_of = Field[str]()
    """Of which moment the chart is: when its pull was first begun."""
    pulled_at = Field[str]()
    """As `as_of`, of the pull that was begun last, whether or not it came to be told."""
    pulled_before = Field[str]()
    """`as_of` of the pull before, with which this one is compared."""
    pull_began = Field[str]()
    """When the pull began by the source's own clock."""
    pull_complete = Default[bool](bool)
    """Nothing is left to ask; what was not had is a gap."""
    source_patient = Field[str]()
    """Id of the Patient at the source."""
    source_bases = Default[list[str]](list)
    """By which other base addresses the source names its own records."""
    filled = Default[dict[str, str]](dict)
    """Search that was not had → how its records were had otherwise."""
    everything_types = Default[list[str]](list)
    """Types that $everything brought."""
    unbound_queries = Default[list[str]](list)
    """Keys of queries whose first page did not say which parameters it honoured."""
    others_encounters = Default[list[str]](list)
    """Encounters that were read and are another patient's: `Type/id`, and as referred to."""
    asked_encounters = Default[list[str]](list)
    """Encounters named by an identifier alone that were asked for."""
    binaries = Default[dict[str, dict[str, Any]]](dict)
    """Address of a Binary → what it says of who may see it: `security`, `context`."""
    export = Default[dict[str, Any]](dict)
    """The bulk export: begun, address of its status, files that are committed, what lies there."""

    # the packet

    mapped_with = Field[str]()
    """Identity of the mapping set that made the packet; None: it is to be made anew."""
    packet_hash = Field[str]()
    """The packet as it is now."""
    envelope = Field[dict[str, Any]]()
    """What a Bundle of the packet has around the entries."""
    outline = Default[dict[str, Any]](dict)
    """The packet in numbers and sentences, for the operator."""
    reading = Field[dict[str, Any]]()
    """How the packet is read: its sections as rows, and what stands on the first page."""
    owner_entry = Field[str]()
    """Key of the entry that stands for the receiving organisation."""
    decided_before_held = Default[list[list[str]]](list)
    """Decisions on records, where the case was held before there was a packet."""
    consents_at = Field[str]()
    """When the consents were last read, and are judged at."""
    consents_say = Field[str]()
    """Hash of what the consents say of this disclosure."""
    consents_hash = Field[str]()
    """Hash of the content of all consents: an approval is bound to it."""
    consent_reviews = Default[dict[str, list[str]]](dict)
    """Reviewed Consent → hashes of the review, and of what was reviewed."""
    approval = Field[Approval]()
    """Who let which packet leave."""
    exported = Field[str]()
    """Hash of the packet that was exported last."""

    # on its way

    sending = Default[bool](bool)
    """Some of the packet may stand at the destination."""
    kind = Field[Kind]()
    """How the packet travels: what began in one way goes on in it."""
    way = Field[Way]()
    """How writes travel there: settled with the patient."""
    limits = Field[dict[str, Any]]()
    """`entries` and `bytes` of a write, where the destination said that it was too much."""
    patient_resolved = Default[bool](bool)
    """Patient and owner at the destination are settled."""
    destination_patient = Field[str]()
    """`Patient/ID` there; None: to be created."""
    owner = Field[str]()
    """`Organization/ID` there of the receiving organisation."""
    patient_listing = Field[dict[str, Any]]()
    """The patients put before a person last: `asked`, `rows` (`push.patient.choice`)."""
    patient_choices = Default[list[dict[str, Any]]](list)
    """What people decided about the patient, the last one in force."""
    last_write = Default[int](int)
    """Number of the last write that was intended."""
    edit_waits = Default[bool](bool)
    """The request was edited meanwhile; it is taken up when this packet is told."""
    unclear_write = Default[bool](bool)
    """A write of records got no answer: what stands there is looked for twice."""
    undeleted = Default[list[str]](list)
    """Keys of deleted records that stand there again by our write."""
    duplicates_kept = Default[list[str]](list)
    """Places there of copies of our records that somebody let stand."""
    copies_unseen = Default[bool](bool)
    """The search by tag was refused when copies were last looked for."""
    duplicates_decided = Default[list[dict[str, Any]]](list)
    """What people decided about copies: `said`, `by`, `at`, `copies`."""
    unknown_outcome = Field[dict[str, str]]()
    """What may have arrived (`what`, `why`): only people can say."""
    unknown_outcome_said = Field[dict[str, Any]]()
    """What a person said of that since, until it was acted on: `said`, `by`, `at`, ...."""
    unknown_outcomes = Default[list[dict[str, Any]]](list)
    """All that was ever said of such."""
    whole = Field[Whole]()
    """Where what was sent whole stands."""
    document = Field[list[str]]()
    """System and value of the identifier under which a document was sent."""
    message = Field[dict[str, Any]]()
    """The message on its way: `name`, under which ids it left, when first."""
    response = Field[dict[str, Any]]()
    """What the destination answered the message."""
    file = Field[dict[str, Any]]()
    """The file put into a folder: `name`, `sha256`."""

    # told

    announcing = Field[dict[str, Any]]()
    """The announcement begun: `at`, and the writes of it."""
    announced_at = Field[str]()
    """When the first packet was announced."""
    told_at = Field[str]()
    """When the packet there is now, or the last one before it, was announced."""
    request_told = Field[dict[str, Any]]()
    """The request that was told."""
    asked_at = Field[str]()
    """`as_of` of the first packet, once an update moved it."""
    revision = Default[int](int)
    """Which packet of the case is the one there is now: 0 the first, n the one of update n."""
    update = Field[Open]()
    """The update on its way."""
    edited = Default[bool](bool)
    """A person changed something of a packet that was told: an update is due."""
    withheld_since = Default[dict[str, Any]](dict)
    """What stands there and would be withheld now, by the last look (`since.note`)."""
    single_records = Default[dict[str, dict[str, Any]]](dict)
    """Record → what a person decided of it while it stands there (`since.decide`)."""

    # taken back

    withdrawal = Field[Withdrawal]()
    """Who decided to take the packet back."""
    withdrawn = Field[Withdrawn]()
    """That is done."""
    cancel_contents = Default[list[str]](list)
    """Canonical hashes of what a cancellation writes: by them it is known for ours."""
    abort = Field[dict[str, Any]]()
    """The Task that asks to stop: `id`, `target_id`, `version`."""

    @property
    def stopped_by(self) -> str | None:
        """The code of what stopped the last run."""
        return self.obstacle["code"] if self.obstacle else None

    def forget(self, *fields: Field[Any]) -> None:
        """Take values away, in one commit."""
        with self._rows.commit():
            for field in fields:
                field.__set__(self, None)

    def begin_anew(self) -> None:
        """Forget all but who writes and from which file."""
        kept = (CaseState.fence.name, CaseState.request_file.name)
        self._rows.execute("DELETE FROM state WHERE name NOT IN (?, ?)", kept)
