"""A week of `sync` around needs and meetings: the table of docs/exit-codes.md, row by row."""

from datetime import UTC, datetime

from connector import packet
from connector.config import load
from connector.progress import silent
from connector.view import terminal
from connector.work.close import close
from connector.work.sync import sync
from tests import support
from tests.docs.pages import page


def rows() -> list[list[str]]:
    """Hour, what is done before, exit code of each case, of `sync`, and how late is told."""
    table = page("exit-codes.md").partition("| hour (UTC)")[2].split("\n\n")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]
    ]


def test_each_hour_ends_as_the_table_says(world: support.World) -> None:
    world.configure(
        release="manual",
        extra=f"""
[sources.down]
id = "0b6f9d1e-0000-4000-8000-000000000001"
base_url = "http://127.0.0.1:9/fhir"
environment = "test"
attempts = 1

[destinations.auto]
id = "0b6f9d1e-0000-4000-8000-000000000002"
base_url = "{world.destination_url}"
environment = "test"
new_patient = "create"
release = "auto"
""",
    )
    meetings = {"A": "2026-12-03T14:00:00-05:00", "B": "2026-12-04T09:00:00-05:00"}
    needs = {"A": "2026-12-01", "B": "2026-12-02T12:00:00Z", "C": "2026-12-03"}
    for name, needed_by in needs.items():
        world.request(
            f"requests/{name}.yaml",
            request_id=name,
            needed_by=needed_by,
            meeting={"start": meetings[name]} if name in meetings else None,
            source="down" if name == "C" else "home",
            destination="auto" if name == "B" else "outside",
        )
    config, mappings = load(world.folder / "connector.toml"), packet.load(None)
    cases = config.store.path / "cases"
    handles: dict[str, str] = {}
    for hour, before, *codes, said in rows():
        now = datetime.strptime(hour, "%a %Y-%m-%d %H:%M").replace(tzinfo=UTC)
        what, _, name = before.partition(" ")
        if what == "closed":
            close(config, cases / handles[name], "A. Person", "met without them", now)
        elif what == "removed":
            (world.folder / "requests" / f"{name}.yaml").unlink()
        found = sync(
            config, world.folder / "requests", mappings, silent, lambda *_: None,
            clock=lambda now=now: now,  # type: ignore[misc]
        )  # fmt: skip
        lines = {line["request_id"]: line for line in found.lines}
        handles |= {name: line["case"] for name, line in lines.items()}
        told = [str(lines[name]["exit_code"]) if name in lines else "" for name in needs]
        assert [*told, str(int(found.exit_code))] == codes, hour
        late = [terminal.brief(line) for line in lines.values() if line["missed"]]
        assert bool(late) == bool(said), hour
        assert all(words in "\n".join(late) for words in said.split(", ")), (hour, late)
