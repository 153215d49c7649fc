import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import UsageError
from connector.packet import media_type


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("scan.pdf", b"%PDF-1.7\n", "application/pdf"),
        ("SCAN.PDF", b"%PDF-1.7\n", "application/pdf"),
        ("scan", b"%PDF-1.7\n", "application/pdf"),
        ("photo.jpg", b"\xff\xd8\xff\xe0\x00", "image/jpeg"),
        ("photo.png", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("fax.tif", b"II*\x00", "image/tiff"),
        ("fax.tiff", b"MM\x00*", "image/tiff"),
        ("letter.txt", "Grüße\r\n".encode(), "text/plain; charset=utf-8"),
        ("letter.txt", "Grüße ü".encode()[:-1], "text/plain; charset=utf-8"),  # cut in two
    ],
)
def test_what_can_be_attached(name: str, head: bytes, kind: str) -> None:
    assert media_type(name, head) == kind


@pytest.mark.parametrize(
    ("name", "head", "said"),
    [
        ("ct.dcm", b"\x00" * 128 + b"DICM", "DICOM"),
        ("scan.pdf", b"%PDF-" + b"\x00" * 123 + b"DICM", "DICOM"),
        ("scan.pdf", b"MZ\x90\x00", "program"),
        ("scan.pdf", b"\x7fELF", "program"),
        ("letter.txt", b"#!/bin/sh\n", "program"),
        ("notes.docx", b"PK\x03\x04", "none of"),
        ("page.html", b"<html>", "none of"),
        ("letter", b"words", "none of"),  # text only by its name
        ("letter.txt", b"a\x00b", "none of"),
        ("letter.txt", "words".encode("utf-16"), "none of"),
        ("photo.png", b"\xff\xd8\xff\xe0", "holds image/jpeg"),
        ("letter.txt", b"%PDF-1.4", "holds application/pdf"),
    ],
)
def test_what_can_not(name: str, head: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        media_type(name, head)
    assert caught.value.what_to_do


@given(head=st.binary(max_size=200), name=st.sampled_from(["a.pdf", "a.txt", "a", "a.png"]))
def test_whatever_the_bytes_it_is_one_of_the_list_or_refused(head: bytes, name: str) -> None:
    try:
        kind = media_type(name, head)
    except UsageError:
        return
    assert kind in ("application/pdf", "image/jpeg", "image/png", "image/tiff") or (
        kind.startswith("text/plain") and name == "a.txt"
    )
