"""Request files: YAML or JSON, read strictly."""

import os
from pathlib import Path

from .. import yamlfile
from ..errors import ConnectorError, UsageError, unforeseen
from ..request import Request

SUFFIXES = (".yaml", ".yml", ".json")
# How programs begin the names of files that are not yet, or only for them, what they seem.
_PASSED_OVER = (".", "~", "#")


def read_request(path: Path) -> Request:
    """One request file. `UsageError` names file, line, field and what was expected."""
    value, lines = yamlfile.read(path)
    request = yamlfile.load(Request, value, lines, str(path))
    document = request.basis.document
    if document is not None:  # beside the request, wherever the command is run
        # Not resolved: whether it is a link is seen when it is opened.
        place = Path(os.path.normpath(path.parent.resolve() / document))
        basis = request.basis.model_copy(update={"document": place})
        request = request.model_copy(update={"basis": basis})
    return request


def read_folder(
    folder: Path,
) -> tuple[list[tuple[Path, Request]], list[tuple[Path, ConnectorError]]]:
    """The requests in a folder by need, and each file that ought to be one and is not, with why.

    Hidden and temporary files (names that begin with `.`, `~` or `#`) and folders are passed over.
    """
    good: list[tuple[Path, Request]] = []
    bad: list[tuple[Path, ConnectorError]] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(_PASSED_OVER) or path.suffix.lower() not in SUFFIXES:
            continue
        try:
            if not path.is_dir():
                good.append((path, read_request(path)))
        except UsageError as error:
            bad.append((path, error))
        except Exception as error:  # noqa: BLE001 - one file never stops the others
            bad.append((path, unforeseen(error)))
    good.sort(key=lambda pair: (pair[1].due_at, pair[1].request_id))
    return good, bad
