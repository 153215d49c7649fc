"""What people do with a mapping set: start one, check it."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from .. import yamlfile
from ..errors import UsageError
from ..mappingfiles import PACKAGED, Checked, MappingFiles
from ..packet import Kind, load
from ..packet import check as check_packet
from ..pull import check as check_pull

_KEPT = "kept.yaml"
_IMAGES = ("ImagingStudy", "Media")
_ABOUT_KEPT = "Kept by `connector mappings keep`: records of a site's own codes and titles."


def check(files: MappingFiles) -> Checked:
    """Every file of the set, and every example in them."""
    both = check_packet(files), check_pull(files)
    return Checked(
        sum(found.files for found in both),
        sum(found.examples for found in both),
        tuple(line for found in both for line in found.wrong),
        tuple(line for found in both for line in found.bare),
    )


def keep(
    group: Mapping[str, Any], kind: str, kinds: Mapping[str, Kind], folder: Path
) -> tuple[Path, str]:
    """Keep it as a rule of the set in `folder` that records like these are of a kind.

    `group`: of the list of unknown kind (`Outline.unknown`). By their codes, where they have some,
    else by what they are called. Gives the file and the rule in words. `UsageError` for a kind
    that is not there, and where the set could not be read with such a rule: the file is then left
    as it was.
    """
    if kind not in kinds:
        raise UsageError(
            f"{kind}: no such kind of record", f"There are: {', '.join(sorted(kinds))}."
        )
    path = folder / "kinds" / _KEPT
    before = path.read_text("utf-8") if path.exists() else None
    written: dict[str, Any] = {"version": "1", "about": _ABOUT_KEPT, "more": []}
    if before is not None:
        written = {"more": [], **yamlfile.read(path)[0]}
    more: dict[str, Any] = {"kind": kind, "types": [group["type"]]}
    if codes := _saying_what(group):
        more["code"] = codes
    elif group["title"] != group["type"]:
        more["words"] = {"own": [_word_of(group["title"])]}
    else:
        raise UsageError(
            f"{group['number']}: these records have neither a code nor a title",
            "Name them in `include` of the request, by their number.",
        )
    if more not in written["more"]:
        written["more"].append(more)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(written, sort_keys=False, allow_unicode=True)
        path.write_text(text, encoding="utf-8")
        try:
            load(folder)
        except UsageError:
            if before is None:
                path.unlink()
            else:
                path.write_text(before, encoding="utf-8")
            raise
    said = ", ".join(more.get("code") or [f'called "{group["title"]}"'])
    return path, f"{group['type']} {said}: {kinds[kind].title}"


def _saying_what(group: Mapping[str, Any]) -> list[str]:
    """The codes that say what the records are: of images they only say how and of which part."""
    return [] if group["type"] in _IMAGES else [code for code in group["codes"] if code[-1] != "*"]


def _word_of(title: str) -> str:
    """A title as a word of a kind: a `*` at its ends would stand for any letters."""
    return title.strip("* ")


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
