"""A section's rows: when, what, what it says, how it stands; with texts and earlier values."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from . import days

_HEADS = "".join(f'<th scope="col">{head}</th>' for head in ("Date", "Record", "Finding", "Status"))
_SHOWN = 8  # earlier values in sight; the others fold
_WARN = frozenset({
    "refuted", "unconfirmed", "provisional", "differential", "presumed", "superseded",
    "perhaps superseded", "amended",
    "corrected", "appended", "preliminary", "stopped", "entered-in-error", "registered", "partial",
    "not-done", "cancelled",
})  # fmt: skip


class Text(NamedTuple):
    """What a record holds as a document: its words, or the file beside the page that has it."""

    words: str
    file: str = ""


Texts = Callable[[Sequence[str]], Sequence[Text]]


def table(rows: Sequence[Mapping[str, Any]], texts: Texts) -> Iterator[str]:
    """The rows of a section."""
    yield f"<table><thead><tr>{_HEADS}</tr></thead><tbody>\n"
    for row in rows:
        yield (
            f'<tr id="{escape(row["id"])}"><td>{days.span(row["first"], row["last"], row["times"])}'
            f"</td><td>{escape(row['title'])}</td><td>{escape(row['finding'])}"
        )
        yield from _earlier(row["earlier"])
        for text in texts(row["records"]):
            yield _text(text)
        yield f"</td><td>{tags(row['status'])}</td></tr>\n"
    yield "</tbody></table>\n"


def tags(status: str) -> str:
    """How a record stands, each word by itself."""
    words = [word.strip() for word in status.split(",") if word.strip()]
    return " ".join(
        f'<span class="tag{" w" if word in _WARN else ""}">{escape(word)}</span>' for word in words
    )


def _earlier(pairs: Sequence[Sequence[str]]) -> Iterator[str]:
    said = [f"{escape(finding)} ({days.time(day) or 'undated'})" for day, finding in pairs]
    if said:
        yield f'<span class="line soft">Earlier: {"; ".join(said[:_SHOWN])}</span>'
    if more := said[_SHOWN:]:
        yield f"<details><summary>{len(more)} earlier still</summary>{'; '.join(more)}</details>"


def _text(text: Text) -> str:
    file = f' <a href="{escape(text.file)}">{escape(text.file)}</a>' if text.file else ""
    if not text.words:
        return f'<span class="line">{file}</span>'
    words = f'<span class="line note">{escape(text.words)}</span>'
    if len(text.words) <= 600:
        return f"{words}{file}"
    return f"<details><summary>The text</summary>{words}</details>{file}"
