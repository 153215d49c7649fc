"""The first page: the question, who and when, and what a physician with ten minutes has to see."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from . import days
from .rows import tags

_WIDE, _NARROW = 100, 54  # characters of a line in the two columns
_RANGE = re.compile(r" \(reference [^)]*\)")  # said once, at the last value
_PIECES = re.compile("</(?:li|p|h2|h3|blockquote)>")
_LONG = 620  # characters of a finding in a card: its beginning, and its end, which often decides
_SHORT = 220
_VALUES = 4  # earlier values
_USUAL = "(confirmed)"  # said at the row; what is not confirmed has its tag here
_ABSENT = " not in this packet."
_MISSING = 6  # lines in sight; the others fold


def header(head: Mapping[str, Any]) -> Iterator[str]:
    """Who, the question, the meeting, who asks. All texts, but for `meeting`: parts."""
    yield (
        f'<header>\n<h1>{escape(head["name"])} <span class="soft">{escape(head["who"])}</span></h1>'
        f'<p class="end">{escape(head["meeting"])}</p>\n'
        f'<p class="q"><small>Key question: {escape(head["kind"])}</small>'
        f"“{escape(head['question'])}”</p>\n"
        f'<p class="soft">{escape(head["asks"])}</p>'
        f'<p class="soft end">{escape(head["prepared"])} · <a href="#contents">everything sent</a>'
        "</p>\n"
    )
    if head["advice"]:
        yield f'<p class="soft" style="grid-column:1/-1">{escape(head["advice"])}</p>\n'
    yield "</header>\n"


def cards(front: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The two columns. `rows`: every row by its id; `front`: ids and lines; `quotes`: pairs of
    the id of a row and what its text says.
    """

    def of(ids: Iterable[str]) -> list[Mapping[str, Any]]:
        return [rows[name] for name in ids]

    title = "Diagnosis in question"
    if not front["named"]:
        title += ": none named in the request; active problems"
    staged = " · ".join(_line(row, _SHORT, values=2) for row in of(front["staged"]))
    known = _list(of(front["diagnosis"]), _LONG) or _none("No active problem")
    left = [
        _card("key", title, known + (f"<p>{staged}</p>" if staged else "")),
        _card("key", "What the case hinges on", "".join(map(_quoted, of(front["hinge"])))),
        _card("", "The first opinion's plan", "".join(map(_quoted, of(front["plan"])))),
        _card("", "Bearing on this question", _bearing(front, of)),
    ]
    right = [
        _card("warn", "Watch", _list(of(front["watch"]), _SHORT, most=6)),
        _card("", "Allergies", _allergies(front, of, rows)),
        _card("", "Medication now", _medication(front, of)),
    ]
    last = [
        _card("warn", "Missing for this meeting", _missing(front)),
        _card("", "In the patient's own words", _block(front.get("story", ""))),
    ]
    # What is missing is to be in sight too: it stands in the column that has more room left.
    (left if _height(left, _WIDE) < _height(right, _NARROW) else right).extend(last)
    yield f'<div class="front"><div>\n{"".join(left)}</div><div>\n{"".join(right)}</div></div>\n'


def _height(cards: Sequence[str], width: int) -> int:
    """About how many lines they take, at so many characters a line."""
    pieces = [re.sub("<[^>]*>", "", piece) for card in cards for piece in _PIECES.split(card)]
    return sum(-(-len(piece) // width) for piece in pieces)


def _card(kind: str, title: str, inside: str) -> str:
    if not inside:
        return ""
    name = f"card {kind}".strip()
    return f'<section class="{name}"><h2>{escape(title)}</h2>{inside}</section>\n'


def _none(words: str) -> str:
    return f'<p class="soft">{escape(words)} in this packet. That does not mean there is none.</p>'


def _block(words: str) -> str:
    return f"<blockquote>{escape(_cut(words, _LONG))}</blockquote>" if words else ""


def _list(rows: Sequence[Mapping[str, Any]], length: int, most: int = 99) -> str:
    if not rows:
        return ""
    lines = "".join(f"<li>{_line(row, length)}</li>" for row in rows[:most])
    more = len(rows) - most
    link = f'<li><a href="#{escape(rows[most]["id"])}">{more} more</a></li>' if more > 0 else ""
    return f"<ul>{lines}{link}</ul>"


def _line(row: Mapping[str, Any], length: int, values: int = _VALUES) -> str:
    said = _cut("; ".join(p for p in row["finding"].split("; ") if p != _USUAL), length)
    parts = [f'<a href="#{escape(row["id"])}">{escape(row["title"])}</a>']
    if said:
        parts.append(f": {escape(said)}")
    parts.append(f" {_status(row)}")
    if earlier := row["earlier"][:values]:
        shown = "; ".join(
            f"{_cut(_RANGE.sub('', said), 60)} ({days.day(day)})" for day, said in earlier
        )
        parts.append(f" <small>before: {escape(shown)}</small>")
    when = days.span(row["first"], row["last"], row["times"])
    parts.append(f" <small>{when}</small>" if row["last"] else "")
    return "".join(parts)


def _status(row: Mapping[str, Any]) -> str:
    usual = ("final", "active", "current", "completed", "")
    words = [word.strip() for word in row["status"].split(",")]
    return tags(", ".join(word for word in words if word not in usual))


def _quoted(row: Mapping[str, Any]) -> str:
    said = row["finding"] or row.get("text", "")
    return (
        f'<p><a href="#{escape(row["id"])}">{escape(row["title"])}</a> '
        f"{tags(row['status'])} <small>{days.span(row['first'], row['last'], row['times'])}</small>"
        f"</p>{_block(said)}"
    )


def _bearing(front: Mapping[str, Any], of: Any) -> str:
    parts = [f"<h3>{escape(title)}</h3>{_list(of(ids), _LONG)}" for title, ids in front["bearing"]]
    if shared := _list(of(front["shared"]), _SHORT):
        parts.append(f"<h3>Shares words with the question</h3>{shared}")
    return "".join(parts)


def _allergies(front: Mapping[str, Any], of: Any, rows: Mapping[str, Mapping[str, Any]]) -> str:
    listed = _list(of(front["allergies"]), _SHORT, most=10) or _none("No allergy record")
    quotes = "".join(
        f"<p><small>{escape(rows[name]['title'])}, {days.time(rows[name]['last'])}, says: "
        f'“{escape(words)}” <a href="#{escape(name)}">read</a></small></p>'
        for name, words in front.get("quotes", ())
    )
    return listed + quotes


def _medication(front: Mapping[str, Any], of: Any) -> str:
    now = _list(of(front["medications"]), _SHORT, most=8) or _none("No active medication")
    stopped = _list(of(front["stopped"]), _SHORT)
    ended = f"<h3>Ended in the last year</h3>{stopped}" if stopped else ""
    return f"{now}{ended}<p><small>{escape(front['reconcile'])}</small></p>"


def _missing(front: Mapping[str, Any]) -> str:
    lines = [_bold(line) for line in front["missing"]]
    lines += [_bold(line) for line in front["separately"]]
    known = [f"{title} ({count})" for title, count in front["unknown"]]
    if known:
        lines.append(f"Reports of unknown kind: {escape('; '.join(known))}")
    if stay := front["unknown_stay"]:
        what = "report" if stay == 1 else "reports"
        lines.append(f"{stay} {what} of unknown kind stayed with the sender")
    if not lines:
        return "<p>Nothing that this kind of case needs.</p>"
    shown = "".join(f"<li>{line}</li>" for line in lines[:_MISSING])
    rest = "".join(f"<li>{line}</li>" for line in lines[_MISSING:])
    more = len(lines) - _MISSING
    fold = f"<details><summary>{more} more</summary><ul>{rest}</ul></details>" if rest else ""
    by = f'<p class="soft">Needed by {escape(front["due"])}.</p>' if front["missing"] else ""
    return f"<ul>{shown}</ul>{fold}{by}"


def _bold(line: str) -> str:
    what, colon, rest = line.partition(":")
    if not colon:
        return escape(line)
    rest = rest.removeprefix(_ABSENT)  # the card's own title says so
    return f"<b>{escape(what)}</b>:{escape(rest)}" if rest else f"<b>{escape(what)}</b>"


def _cut(words: str, length: int) -> str:
    """Beginning and end of what is too long for a card; the row has it whole."""
    if len(words) <= length:
        return words
    end = length * 2 // 3
    return f"{words[: length - end].rstrip()} […] {words[-end:].lstrip()}"
