"""A destination's settings, with what its programme wants where connector.toml does not say."""

from typing import TypeVar

from ...model import Model
from ...settings import Destination
from .mappings import Mappings

M = TypeVar("M", bound=Model)


def settled(destination: Destination, mappings: Mappings) -> Destination:
    """`destination` as its programme (mappings/destinations) and the configuration make it.

    What is written in connector.toml wins, field by field. `UsageError` for an unknown programme.
    """
    wants = mappings.destination(destination.programme)
    return destination.model_copy(
        update={
            "accepts": _under(wants.accepts, destination.accepts),
            "bundle": _under(wants.bundle, destination.bundle),
        }
    )


def _under(wanted: M, configured: M) -> M:
    values = {
        **wanted.model_dump(exclude_unset=True),
        **configured.model_dump(exclude_unset=True),
    }
    return type(configured).model_validate(values)
