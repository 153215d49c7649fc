"""What a request or `attach` may name as a document: a file a person means, and none of ours."""

import os
from pathlib import Path

import pytest

from connector import regularfile
from connector.config import load
from connector.errors import UsageError
from connector.ours import must_not_be_ours

CONFIG = """
[sources.home]
id = "0b6f9d1e-0000-4000-8000-000000000001"
base_url = "https://ehr.example.org/fhir"
environment = "test"
auth = { type = "bearer", token = { file = "token.txt" } }
client_cert_file = "client.pem"
client_key_file = "client.key"
headers = { X-Api-Key = { file = "api.txt" } }

[receipt]
private_key = { file = "receipt.key" }
"""
SECRETS = ("token.txt", "client.key", "api.txt", "receipt.key")
KEPT = ("connector-data/ledger.key", "connector-data/cases/a/packet.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "connector.toml").write_text(CONFIG)
    for name in (*SECRETS, *KEPT):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("secret\n")
    return tmp_path


def refused(folder: Path, path: Path) -> None:
    with pytest.raises(UsageError, match="belongs to this program"):
        must_not_be_ours(load(folder / "connector.toml"), path, "basis.document")


@pytest.mark.parametrize("name", [*SECRETS, *KEPT])
def test_a_file_of_ours_is_refused_by_whatever_name(folder: Path, name: str) -> None:
    refused(folder, folder / name)
    (folder / "link.txt").symlink_to(folder / name)
    refused(folder, folder / "link.txt")
    (folder / "second.txt").hardlink_to(folder / name)
    refused(folder, folder / "second.txt")
    (folder / "way").symlink_to((folder / name).parent)
    refused(folder, folder / "way" / Path(name).name)


def test_another_file_beside_them_is_not_ours(folder: Path) -> None:
    (folder / "signed.pdf").write_bytes(b"%PDF-1.7")
    (folder / "backup.pdf").hardlink_to(folder / "signed.pdf")
    config = load(folder / "connector.toml")
    for name in ("signed.pdf", "backup.pdf", "missing.pdf"):
        must_not_be_ours(config, folder / name, "basis.document")


def test_what_is_no_regular_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").write_bytes(b"x" * 10)
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(UsageError, match="not a regular file"):
            regularfile.read(path, 100)
    with pytest.raises(UsageError, match="Is a directory"):
        regularfile.read(tmp_path, 100)
    with pytest.raises(UsageError, match="a symbolic link"):
        regularfile.read(tmp_path / "link", 100, follow=False)
    with pytest.raises(UsageError, match="larger than 9 bytes"):
        regularfile.read(tmp_path / "real", 9)
    assert regularfile.read(tmp_path / "link", 10) == b"x" * 10
