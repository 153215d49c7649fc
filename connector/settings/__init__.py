"""What connector.toml says of one endpoint: where it is, how we sign in, and its rules.

In: one table of the file, a module for each kind of table. Out: values that are whole and safe to
use: nothing that contradicts itself, no secret before it is read, plain http only where it is
allowed, and no public sandbox that is called production.
"""

from .auth import Auth
from .base_url import PUBLIC_SANDBOXES, base, server_base
from .destination import Accepts, BundleSettings, Destination, Kind
from .endpoint import EndpointSettings
from .secret import Secret
from .source import Source

__all__ = [
    "PUBLIC_SANDBOXES",
    "Accepts",
    "Auth",
    "BundleSettings",
    "Destination",
    "EndpointSettings",
    "Kind",
    "Secret",
    "Source",
    "base",
    "server_base",
]
