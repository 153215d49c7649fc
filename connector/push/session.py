"""What every step of the push works with, and how the destination's failures are told."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from ..endpoint import Endpoint
from ..errors import Answered, ConnectorError, DestinationRefused, EndpointError
from ..fhir.capability import Capability
from ..fhir.lossless import UndecodableError
from ..request import Request
from ..settings import Destination, Kind, Source
from ..store.case.casefile import CaseFile
from ..store.case.values import Way
from ..store.ledger.last_written import Known, Written
from ..store.ledger.ledger import Ledger
from ..store.mapped import packet, update
from . import binaries

# The authored resources that carry the request itself: without one of them nothing is announced.
REQUEST = "ServiceRequest"
TASK = "Task"
CONTENTS = "Composition"
PATIENT = "Patient"
LETTER = packet.LETTER
# R4 request-status and task-status: nothing is asked any more.
ENDED = {
    REQUEST: frozenset({"revoked", "completed", "entered-in-error"}),
    TASK: frozenset({"cancelled", "rejected", "completed", "failed", "entered-in-error"}),
}


@dataclass(frozen=True)
class Session:
    """One case at one destination.

    `fence`: the number under which this process may write. `opens`: gives the destination, the same
    each time. `operator`: who sends, for the log.
    """

    case: CaseFile
    ledger: Ledger
    handle: str
    fence: int
    opens: Callable[[], Endpoint]
    settings: Destination
    request: Request
    source: Source
    operator: str

    @property
    def endpoint(self) -> Endpoint:
        """The destination, opened when first asked: who asks nothing reads no secret of it."""
        return self.opens()

    def patient(self) -> packet.Entry:
        """The packet's own Patient: the source's, in packet form."""
        key = packet.key_of_carried(self.case, f"Patient/{self.case.state.source_patient}")
        if key is None:
            raise ConnectorError("internal: the packet holds no Patient")
        return self.entry(key)

    def source_patient(self) -> str | None:
        """The id of the patient at the source. A case made from a receipt knows the request's."""
        found: str | None = self.case.state.source_patient or self.request.patient.id
        return found

    @property
    def turn(self) -> AbstractContextManager[None]:
        """Be the only one who writes at the destination; within a turn it is the same one."""
        destination = str(self.settings.id)
        if self.ledger.has_turn(destination):
            return nullcontext()
        return self.ledger.turn(destination, self.settings.wait_max_s)

    @property
    def reads(self) -> bool:
        """Whether anything but the Patient may be read there."""
        return self.settings.read_back == "granted"

    @property
    def kind(self) -> Kind:
        """How the packet travels there; what began in one way goes on in it."""
        return self.case.state.kind or self.settings.kind

    @property
    def record_by_record(self) -> bool:
        """Whether what was delivered stands there as records that we may read."""
        return self.kind == "transaction" and self.reads

    @property
    def can_verify(self) -> bool:
        """Whether what was delivered can be read once more."""
        return self.kind == "files" or (self.reads and self.kind != "message")

    def way(self) -> Way:
        """How writes travel to this destination: settled with the patient, before the first."""
        return self.case.state.way or "transaction"

    def wrote(self, records: Iterable[Written]) -> None:
        """Keep in the ledger how we left records there. Raises `LockHeld`."""
        if left := list(records):
            as_of = self.case.state.as_of or ""
            self.ledger.wrote(self.handle, self.fence, str(self.settings.id), as_of, left)

    def forget(self, keys: Iterable[str]) -> None:
        """Forget in the ledger what we took away again. Raises `LockHeld`."""
        if gone := list(keys):
            self.ledger.forget(self.handle, self.fence, str(self.settings.id), gone)

    def known(self, keys: Iterable[str]) -> dict[str, Known]:
        """What the ledger knows of those of `keys` that we ever wrote there."""
        return self.ledger.known(str(self.settings.id), keys)

    def authored(self, name: str) -> packet.Entry:
        """The authored resource made by the template `name`."""
        entry = packet.authored(self.case, name)
        if entry is None:
            raise ConnectorError(f"internal: the packet holds no {name}")
        return entry

    def entry(self, key: str) -> packet.Entry:
        """One entry of the packet, or of one before, or a Binary that goes ahead of an entry.

        By `Type/<derived id>`.
        """
        resource_type, resource_id = parts(key)
        entry = packet.entry(self.case, resource_type, resource_id)
        if entry is None and resource_type == binaries.BINARY:
            entry = binaries.binary(self.case, resource_id)
        if entry is None:
            entry = update.former(self.case, resource_type, resource_id)
        if entry is None:
            raise ConnectorError("internal: a row of the delivery without its packet entry")
        return entry


def way_of(settings: Destination, statement: Capability) -> Way:
    """How writes travel, by the settings or by what the server lists."""
    if settings.way != "auto":
        return settings.way
    # A server that lists no system interactions may still have them; one that lists others and
    # not this one means it.
    said = statement.interactions
    if not said or "transaction" in said:
        return "transaction"
    return "batch" if "batch" in said else "single"


def key_of(entry: packet.Entry) -> str:
    """`Type/<derived id>`, the name by which the packet's resources refer to this one."""
    return f"{entry.type}/{entry.id}"


def parts(key: str) -> tuple[str, str]:
    """(type, id) of `Type/id`."""
    resource_type, _, resource_id = key.partition("/")
    return resource_type, resource_id


@contextmanager
def at_destination() -> Iterator[None]:
    """Turn a failed exchange into `DestinationRefused`; `Waiting` and `Held` pass."""
    try:
        yield
    except Answered as error:
        hint = "Ask the people who run the destination; then run the same command again."
        if error.status in (401, 403):
            hint = "Check `auth` of this destination and what its account may read and write."
        if error.status == 403:
            hint += ' If it is meant to read nothing but the Patient, set read_back = "none".'
        raise DestinationRefused(str(error), error.what_to_do or hint) from None
    except EndpointError as error:
        hint = error.what_to_do or "Look at the destination with `connector doctor`."
        raise DestinationRefused(str(error), hint) from None
    except UndecodableError as error:
        raise DestinationRefused(
            f"the destination's answer is not the FHIR JSON it should be ({error})",
            "Check base_url: a login page or a proxy may be answering there.",
        ) from None
