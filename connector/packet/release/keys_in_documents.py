"""Documents that leave with a key of the source in their text, for a person's eyes.

A clinical document is not changed: what a rule masks in a record's elements (`secrets`) is told
here. Only text is looked into (plain, HTML, markdown, XML, JSON), up to a size.
"""

from collections.abc import Iterable, Iterator

from ...fhir import base64binary
from ...fhir.attachments import attachment_nodes
from ...store.case.casefile import CaseFile
from ...store.mapped.content import attached
from ..chart.index import Row, body
from ..record.endpoint_secrets import Secrets

BY_TEXT = "text"
_BYTES_MAX = 2_000_000


def keyed(case: CaseFile, leaving: Iterable[Row], secrets: Secrets) -> list[str]:
    """Keys of the documents among `leaving` in whose text an address opens something by itself."""
    return [
        row.key
        for row in leaving
        if row.contents
        and any(secrets.masked(text) != text for text in _texts(case, row.key, secrets))
    ]


def _texts(case: CaseFile, key: str, secrets: Secrets) -> Iterator[str]:
    for data in _contents(case, key):
        if len(data) <= _BYTES_MAX and b"\0" not in data and secrets.may_be_in(data):
            try:
                yield data.decode("utf-8-sig")
            except UnicodeDecodeError:
                continue


def _contents(case: CaseFile, key: str) -> Iterator[bytes]:
    for attachment in attachment_nodes(body(case, key) or {}):
        data, url = attachment.get("data"), attachment.get("url")
        if isinstance(data, str):
            yield base64binary.content(data) or b""
        elif isinstance(url, str) and (found := attached(case, url)):
            yield found[1]
