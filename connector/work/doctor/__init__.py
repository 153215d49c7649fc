"""Check both ends before anything is needed of them. Asks for no patient's data.

Reads only, but for `--write-test`, which writes resources of its own and deletes them.
"""

from ...config import Config, same_environment, two_ends
from ...errors import Exit, UsageError
from ...packet import Mappings
from ...pull import types_of_chart
from ...settings import Destination, Source
from . import destination as to
from . import private
from . import source as home
from .check import Check

__all__ = ["Check", "examine"]


def examine(
    config: Config,
    source: str,
    destination: str,
    case_type: str,
    mappings: Mappings,
    *,
    write_test: bool = False,
) -> list[Check]:
    """Every check of one source and one destination, for one kind of case.

    `write_test`: also write, change and delete test resources at the destination.
    """
    here, there = config.source(source), config.destination(destination)
    wanted = mappings.wanted_types(case_type, there.programme)
    types = types_of_chart(mappings.never_types)
    checks = [_environments(here, there), *private.exposed(config, here, there)]
    checks += home.check(source, here, mappings, wanted)
    checks += to.check(destination, there, types, wanted, write_test=write_test)
    return checks


def _environments(source: Source, destination: Destination) -> Check:
    try:
        same_environment(source, destination)
        two_ends(source, destination)
    except UsageError as error:
        return Check("both", "environment", False, str(error), error.what_to_do, Exit.USAGE)
    return Check("both", "environment", True, f"{source.environment} to {destination.environment}")
