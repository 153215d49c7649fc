"""The packet as a page a physician reads and prints: one HTML file, nothing fetched, no scripts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2rem; }
a { color: #0b4f8a; } a:focus-visible { outline: 3px solid #0b4f8a; outline-offset: 2px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem;
  border-bottom: 1px solid #767676; overflow-wrap: anywhere; }
td:first-child { white-space: nowrap; }
@media print {
  body { font-size: 10pt; max-width: none; padding: 0; } nav { display: none; }
  h2 { break-after: avoid; } tr { break-inside: avoid; } thead { display: table-header-group; }
}
""".strip()
_HEADS = "".join(f'<th scope="col">{head}</th>' for head in ("Date", "Document", "File"))


def page(values: Mapping[str, Any]) -> Iterator[str]:
    """The page, in pieces.

    `title`: text. `facts`: (label, text) pairs. `sections`: {title, div}, where `div` is XHTML
    that is safe already (a Composition's narrative). `documents`: {file, title, type, date};
    where there is no file, `type` says why.
    """
    title = escape(values["title"])
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n'
        # Nothing in here may load or run anything, whatever a record says.
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{title}</h1>\n<dl>\n"
    )
    for label, text in values["facts"]:
        yield f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>\n"
    yield "</dl>\n</header>\n"
    sections: Sequence[Mapping[str, str]] = values["sections"]
    yield from _contents([section["title"] for section in sections], bool(values["documents"]))
    yield "<main>\n"
    for number, section in enumerate(sections, 1):
        yield f'<section aria-labelledby="s{number}">\n<h2 id="s{number}">'
        yield f"{escape(section['title'])}</h2>\n{section['div']}\n</section>\n"
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


def _contents(titles: Iterable[str], documents: bool) -> Iterator[str]:
    yield '<nav aria-label="Contents">\n<h2>Contents</h2>\n<ol>\n'
    for number, title in enumerate(titles, 1):
        yield f'<li><a href="#s{number}">{escape(title)}</a></li>\n'
    if documents:
        yield '<li><a href="#documents">Documents</a></li>\n'
    yield "</ol>\n</nav>\n"


def _documents(documents: Iterable[Mapping[str, str]]) -> Iterator[str]:
    yield (
        '<section aria-labelledby="documents">\n<h2 id="documents">Documents</h2>\n<table>'
        f"<thead><tr>{_HEADS}</tr></thead><tbody>\n"
    )
    for item in documents:
        file, kind = escape(item["file"]), escape(item["type"])
        where = f'<a href="{file}">{file}</a> ({kind})' if file else kind
        yield (
            f"<tr><td>{escape(item['date'])}</td><td>{escape(item['title'])}</td>"
            f"<td>{where}</td></tr>\n"
        )
    yield "</tbody></table>\n</section>\n"
