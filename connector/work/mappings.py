"""What people do with a mapping set: start one, check it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError
from ..mappingfiles import PACKAGED, Checked, MappingFiles
from ..packet import check as check_packet
from ..pull import check as check_pull


def check(files: MappingFiles) -> Checked:
    """Every file of the set, and every example in them."""
    both = check_packet(files), check_pull(files)
    return Checked(
        sum(found.files for found in both),
        sum(found.examples for found in both),
        tuple(line for found in both for line in found.wrong),
        tuple(line for found in both for line in found.bare),
    )


def copy(folder: Path, names: Sequence[str]) -> list[Path]:
    """Copy packaged files, all if none is named, to where they will replace the packaged ones.

    `UsageError` for a name that is not there, or a file that would be written over.
    """
    for name in names:
        if name not in PACKAGED.paths:
            raise UsageError(
                f"{name}: no such file of mappings",
                f"There are: {', '.join(PACKAGED.paths)}.",
            )
    made = {folder / name: PACKAGED.path(name) for name in names or PACKAGED.paths}
    for path in made:
        if path.exists():
            raise UsageError(f"{path}: is there already", "Name another folder, or other files.")
    for path, packaged in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(packaged, path)
    return list(made)
