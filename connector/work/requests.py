"""Request files: YAML or JSON, read strictly."""

from pathlib import Path

from .. import yamlfile
from ..request import Request

SUFFIXES = (".yaml", ".yml", ".json")


def read_request(path: Path) -> Request:
    """One request file. `UsageError` names file, line, field and what was expected."""
    value, lines = yamlfile.read(path)
    request = yamlfile.load(Request, value, lines, str(path))
    document = request.basis.document
    if document is not None:  # beside the request, wherever the command is run
        basis = request.basis.model_copy(update={"document": (path.parent / document).resolve()})
        request = request.model_copy(update={"basis": basis})
    return request
