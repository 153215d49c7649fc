"""What every part of one pull works with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..endpoint import Endpoint
from ..errors import EndpointError, SignInFailed, SourceFailed, Unreachable
from ..fhir.capability import Capability
from ..gap import GapKind, Wanted
from ..progress import Progress, Tally
from ..settings import Source
from ..store.case.casefile import CaseFile
from ..store.pulled import query_plan
from ..store.pulled.query_plan import Query
from .gaps import Missing, Unfound, report
from .granted import NOT_GRANTED
from .page_size import PageSize
from .plan import searches
from .records import Sieve
from .servers import Known
from .workers import Workers


@dataclass(frozen=True, kw_only=True)
class Gathering:
    """One patient's chart being gathered, wherever it comes from."""

    case: CaseFile
    settings: Source
    patient_id: str
    never_types: frozenset[str]
    wanted_types: frozenset[str]
    sieve: Sieve
    missing: Missing
    progress: Progress
    tally: Tally = field(default_factory=Tally)

    def bases(self) -> tuple[str, ...]:
        """Every address of the source: the one that we ask, and what it calls itself."""
        return (self.settings.base_url, *self.case.state.source_bases)

    def gap(self, wanted: Wanted | tuple[Wanted, ...], kind: GapKind, why: str) -> None:
        """Store a gap, marked if the operator expects it."""
        several = (wanted,) if isinstance(wanted, Wanted) else wanted
        report(self.case, self.settings.expected_gaps, several, kind, why)


@dataclass(frozen=True, kw_only=True)
class Pull(Gathering):
    """One pull from a server. Shared by threads: holds nothing that changes unlocked."""

    source: Endpoint
    capability: Capability
    known: Known
    workers: Workers
    page_size: PageSize = field(default_factory=PageSize)
    unfound: Unfound = field(default_factory=Unfound)
    ungranted: Mapping[str, str]  # types the token does not reach, wholly or in part, with why

    @property
    def unasked(self) -> frozenset[str]:
        """Types no query is made for."""
        none = (name for name, why in self.ungranted.items() if why == NOT_GRANTED)
        return self.never_types.union(none)

    def searches(self) -> list[Query]:
        """Every type by searches, whatever the strategy."""
        return searches(
            self.capability,
            self.patient_id,
            self.settings,
            self.unasked,
            self.wanted_types,
            self.known,
        )

    def tell(self, note: str) -> None:
        """Report progress in queries. `note`: FHIR names and numbers only."""
        done, total = query_plan.progress(self.case)
        self.progress("pull", done, total, note, self.tally.figures())

    def still_there(self, error: EndpointError) -> None:
        """After no answer came: return if only that request is broken.

        Raises `SourceFailed` if the server does not answer at all any more, or lets us in no more.
        One gap for each of forty queries would hide that nothing is known about any of them.
        """
        if isinstance(error, SignInFailed):
            raise SourceFailed(str(error), error.what_to_do) from None
        if not isinstance(error, Unreachable):
            return
        try:
            self.source.get("metadata", "capability statement")
        except Unreachable as gone:
            raise SourceFailed(
                f"the source went away during the pull: {gone}",
                "Run the same command again when it is back: what was pulled is kept.",
            ) from None
        except EndpointError:
            return
