"""What kind of file it is that somebody wants to attach: by its first bytes, then by its name."""

from pathlib import Path

from ...errors import UsageError

HEAD = 65_536  # how many of a file's first bytes `media_type` looks at
_TEXT = "text/plain; charset=utf-8"
_MAGIC = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
_PROGRAMS = (
    b"MZ", b"\x7fELF", b"#!", b"\xfe\xed\xfa", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
)  # fmt: skip
_SUFFIXES = {
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".txt": _TEXT,
}


def media_type(name: str, head: bytes) -> str:
    """The media type of a file that may be attached. `name`: its name, `head`: its first bytes.

    `UsageError` for every other file: the receiving team has to be able to open it.
    """
    if head[128:132] == b"DICM":
        raise UsageError(
            "the file is a DICOM image: images are not attached",
            "Attach the report, and say in the request how the images come: `sent_separately`.",
        )
    if head.startswith(_PROGRAMS):
        raise UsageError("the file is a program", "Attach the document itself.")
    if b"PRIVATE KEY-----" in head:
        raise UsageError("the file holds a private key", "Attach the document itself.")
    suffix = Path(name).suffix.lower()
    found = next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
    if found is None and suffix == ".txt" and _is_text(head):
        found = _TEXT
    if found is None:
        raise UsageError(
            "the file is none of PDF, JPEG, PNG, TIFF and UTF-8 text (.txt)",
            "Scan or print it to a PDF, and attach that.",
        )
    if _SUFFIXES.get(suffix, found) != found:
        raise UsageError(
            f"the file is called {suffix} but holds {found}",
            "Give it its right name, or look at it.",
        )
    return found


def _is_text(head: bytes) -> bool:
    """UTF-8 without control characters, but for a character cut in two at the end."""
    for cut in range(4):
        try:
            text = head[: len(head) - cut].decode()
        except UnicodeDecodeError:
            continue
        return bool(text.strip()) and all(c.isprintable() or c in "\t\r\n\f\ufeff" for c in text)
    return False
