"""The packet as one page that any browser reads and prints: no script, nothing from elsewhere.

What stands in it was written by others: every text is escaped here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from . import days, first_page
from .rows import Texts, table
from .style import STYLE

_HEADS = "".join(f'<th scope="col">{head}</th>' for head in ("Date", "Document", "File"))


def page(values: Mapping[str, Any], texts: Texts) -> Iterator[str]:
    """The page, in pieces.

    `title`, `head` and `front`: see `first_page`. `sections`: {title, text, rows, after}.
    `documents`: {file, title, type, date}; where there is no file, `type` says why. `texts`: what
    the records of a row hold as documents.
    """
    title = escape(values["title"])
    sections: Sequence[Mapping[str, Any]] = values["sections"]
    rows = {row["id"]: row for section in sections for row in section["rows"]}
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n'
        # Nothing in here may load or run anything, whatever a record says.
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n"
    )
    yield from first_page.header(values["head"])
    yield from first_page.cards(values["front"], rows)
    full = [(n, s) for n, s in enumerate(sections, 1) if s["rows"] or s["text"]]
    empty = [section for section in sections if not (section["rows"] or section["text"])]
    yield from _contents([(n, s["title"]) for n, s in full], bool(values["documents"]), empty)
    yield "<main>\n"
    for number, section in full:
        yield f'<section aria-labelledby="s{number}">\n<h2 id="s{number}">'
        yield f"{escape(section['title'])}</h2>\n"
        yield from (f"<p>{escape(line)}</p>\n" for line in section["text"])
        if section["rows"]:
            yield from table(section["rows"], texts)
        yield from (f"<p>{escape(line)}</p>\n" for line in section["after"])
        yield "</section>\n"
    if values["documents"]:
        yield from _documents(values["documents"])
    yield "</main>\n</body>\n</html>\n"


def readme(values: Mapping[str, Any]) -> str:
    """What the folder holds and what to do with it, for the patient who carries it."""
    documents = [document for document in values["documents"] if document["file"]]
    lines = [
        values["title"],
        "",
        "These are health records, prepared for a second opinion.",
        "Give all of it to the team that you have asked. Keep it as you would keep your passport.",
        "",
        "packet.html   the records to read and print: open it with any web browser",
        "bundle.json   the same records for a computer (FHIR R4, a document Bundle)",
    ]
    if documents:
        lines.append(f"attachments/  {len(documents)} documents as files; packet.html lists them")
    lines += ["", values["caution"], ""]
    return "\n".join(lines)


def _contents(
    titles: Iterable[tuple[int, str]], documents: bool, empty: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    yield '<nav aria-labelledby="contents">\n<h2 id="contents">Contents</h2>\n<ol>\n'
    for number, title in titles:
        yield f'<li><a href="#s{number}">{escape(title)}</a></li>\n'
    if documents:
        yield '<li><a href="#documents">Documents</a></li>\n'
    yield "</ol>\n"
    if empty:
        names = ", ".join(section["title"] for section in empty)
        yield (
            f'<p class="soft">Looked for, and nothing in this packet: {escape(names)}. That does'
            " not mean that there is none.</p>\n"
        )
    if lines := [line for section in empty for line in section["after"]]:
        inside = "".join(f"<li>{escape(line)}</li>" for line in lines)
        yield f"<details><summary>What is said of these</summary><ul>{inside}</ul></details>\n"
    yield "</nav>\n"


def _documents(documents: Iterable[Mapping[str, str]]) -> Iterator[str]:
    yield (
        '<section aria-labelledby="documents">\n<h2 id="documents">Documents</h2>\n<table>'
        f"<thead><tr>{_HEADS}</tr></thead><tbody>\n"
    )
    for item in documents:
        file, kind = escape(item["file"]), escape(item["type"])
        where = f'<a href="{file}">{file}</a> ({kind})' if file else kind
        yield (
            f"<tr><td>{days.time(item['date'])}</td><td>{escape(item['title'])}</td>"
            f"<td>{where}</td></tr>\n"
        )
    yield "</tbody></table>\n</section>\n"
