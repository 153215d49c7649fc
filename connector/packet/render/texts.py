"""The words of documents: notes as plain text, whatever they were written in. Pure."""

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from typing import Any

from ...fhir import base64binary
from ...fhir.attachments import attachment_nodes
from ...fhir.shapes import as_dict, as_text, dicts
from ..record.words import plain

LONGEST = 200_000  # characters; beyond it the file itself is read
_PLAIN = "text/plain"
_HTML = ("text/html", "application/xhtml+xml")
_BREAKS = frozenset({
    "p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "section", "pre",
    "ul", "ol", "dt", "dd",
})  # fmt: skip
_HIDDEN = frozenset({"script", "style", "head", "template"})
_CHARSET = re.compile(r"charset=\"?([\w-]+)", re.IGNORECASE)


def kind_of(attachment: dict[str, Any]) -> str:
    """Its media type, without parameters."""
    return str(attachment.get("contentType", "")).partition(";")[0].strip().lower()


def texts(resource: dict[str, Any]) -> Iterator[str]:
    """What a record holds as text: its attachments, and the sections of a Composition."""
    for attachment in reversed(list(attachment_nodes(resource))):  # it walks from the end
        kind, data = kind_of(attachment), attachment.get("data")
        if (kind == _PLAIN or kind in _HTML) and isinstance(data, str):
            content = base64binary.content(data)
            if content is not None:
                found = _decoded(content, str(attachment.get("contentType")))
                yield _short(of_html(found) if kind in _HTML else found)
    if resource.get("resourceType") == "Composition":
        yield from _sections(resource.get("section"))


def _sections(found: Any) -> Iterator[str]:
    for section in dicts(found):
        div = as_text(as_dict(section.get("text")).get("div"))
        if words := of_html(div).strip():
            yield _short(f"{as_text(section.get('title'))}\n{words}".strip())
        yield from _sections(section.get("section"))


def of_html(html: str) -> str:
    """The words of HTML: nothing of it is run or loaded, what is hidden is left out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [" ".join(line.split()) for line in "".join(reader.words).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def sentence(text: str, beginnings: Sequence[str], around: int = 40) -> str:
    """What stands about the first word that begins with one of these; empty: there is none."""
    if not beginnings:
        return ""
    found = re.search(rf"(?<!\w)(?:{'|'.join(map(re.escape, beginnings))})", text, re.IGNORECASE)
    if not found:
        return ""
    start, end = max(0, found.start() - around // 2), found.end() + around * 3
    words = " ".join(text[start:end].split())
    return f"{'…' if start else ''}{words}{'…' if end < len(text) else ''}"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _HIDDEN
        if tag in _BREAKS:
            self.words.append("\n")
        elif tag in ("td", "th"):
            self.words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _HIDDEN))
        if tag in _BREAKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def _decoded(content: bytes, content_type: str) -> str:
    named = _CHARSET.search(content_type)
    try:
        return content.decode(named[1] if named else "utf-8")
    except (UnicodeDecodeError, LookupError):
        return content.decode("cp1252", errors="replace")


def _short(text: str) -> str:
    text = plain(text.replace("\r\n", "\n")).strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… (the whole is in the file)"
