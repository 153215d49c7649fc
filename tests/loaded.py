"""Every module of the connector, loaded: what the server of forked command lines starts with."""

from importlib import import_module
from pkgutil import walk_packages

import fhirpathpy.models  # noqa: F401
import fpml  # noqa: F401
import sqlalchemy.dialects.sqlite  # noqa: F401

import connector
from connector import packet
from connector.packet.record.kinds import finder_of
from tests import support  # noqa: F401 - the child's own module

for _module in walk_packages(connector.__path__, "connector."):
    if not _module.name.endswith("__main__"):
        import_module(_module.name)

# fhir.resources makes a class when it is first asked for.
for _type in (
    "auditevent",
    "bundle",
    "composition",
    "device",
    "documentreference",
    "messageheader",
    "organization",
    "practitionerrole",
    "provenance",
    "servicerequest",
    "task",
):
    import_module(f"fhir.resources.R4B.{_type}")

# A command line reads the packaged mappings anew: a second that says nothing about any test.
_finder = finder_of(packet.load().kinds)
for _name in ("Condition", "DiagnosticReport", "DocumentReference", "Observation", "Procedure"):
    _finder.of(_name, frozenset(), frozenset(), ("x",))
