"""Every module of the connector, loaded: what the server of forked command lines starts with."""

from importlib import import_module
from pkgutil import walk_packages

import connector
from tests import support  # noqa: F401 - the child's own module

for _module in walk_packages(connector.__path__, "connector."):
    if not _module.name.endswith("__main__"):
        import_module(_module.name)
