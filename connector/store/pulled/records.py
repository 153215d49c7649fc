"""The records of the chart by what brought them or what they hold, without reading each."""

from collections.abc import Collection, Iterable

from ..case.casefile import CaseFile

Brought = tuple[str, str, str]  # type and id of a record, key of the query that brought it


def keys(case: CaseFile, *, without: Collection[str] = ()) -> list[str]:
    """`Type/id` of every record but those of the types `without`, by type and id."""
    marks = ", ".join("?" * len(without))
    rows = case.rows(
        f"SELECT type || '/' || id FROM record WHERE type NOT IN ({marks}) ORDER BY type, id",  # noqa: S608 - marks
        without,
    )
    return [str(key) for (key,) in rows]


def ids(case: CaseFile, query: str) -> set[str]:
    """Ids of the records that a query brought."""
    return {str(id_) for (id_,) in case.rows("SELECT id FROM record WHERE query = ?", (query,))}


def types(case: CaseFile, query: str | None = None) -> set[str]:
    """The types of which a query brought records; None: of any of the source's own."""
    how, values = ("query <> ''", ()) if query is None else ("query = ?", (query,))
    rows = case.rows(f"SELECT DISTINCT type FROM record WHERE {how}", values)  # noqa: S608 - ours
    return {str(name) for (name,) in rows}


def of_type(case: CaseFile, resource_type: str) -> list[tuple[str, str]]:
    """Id of each record of a type, and the key of the query that brought it."""
    rows = case.rows("SELECT id, query FROM record WHERE type = ?", (resource_type,))
    return [(str(id_), str(query)) for id_, query in rows]


def drop_query(case: CaseFile, query: str) -> None:
    """Take out what a query brought, inside `case.commit()`."""
    case.execute("DELETE FROM record WHERE query = ?", (query,))


def drop_all(case: CaseFile) -> None:
    """Take out every record, inside `case.commit()`."""
    case.execute("DELETE FROM record")


def mentioning(case: CaseFile, text: str) -> list[Brought]:
    """The records in whose bytes a text stands."""
    rows = case.rows(
        "SELECT type, id, query FROM record WHERE instr(body, CAST(? AS BLOB))", (text,)
    )
    return [(str(t), str(i), str(query)) for t, i, query in rows]


def bodies_with(case: CaseFile, member: str, any_of: Iterable[str]) -> list[bytes]:
    """The bytes of the records that have a member called `member`, and one of `any_of`."""
    others = list(any_of)
    holds = "instr(body, CAST(? AS BLOB))"
    rows = case.rows(
        f"SELECT body FROM record WHERE {holds} AND ({' OR '.join([holds] * len(others))})",  # noqa: S608 - ours
        [f'"{name}"' for name in (member, *others)],
    )
    return [bytes(body) for (body,) in rows]


def endpoints(case: CaseFile) -> list[bytes]:
    """The bytes of every record that is an Endpoint, or may contain one."""
    rows = case.rows(
        "SELECT body FROM record WHERE type = 'Endpoint'"
        " OR instr(body, CAST('\"Endpoint\"' AS BLOB))"
    )
    return [bytes(body) for (body,) in rows]
