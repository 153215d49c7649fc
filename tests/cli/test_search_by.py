"""Ends that search by GET alone: used so where the settings say it, told so where they don't."""

from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.sandbox_parts import Quirks

GET = 'search_by = "get"'
MRN = "http://hospital.smarthealthit.org"


def asked(sandbox: Any) -> set[str]:
    """How searches went: the methods of those that had an answer."""
    return {
        request.method
        for request in sandbox.requests
        if request.status == 200
        and (request.path.endswith("_search") or (request.method == "GET" and request.query))
    }


@pytest.mark.parametrize("status", [404, 405, 400])
def test_by_get_where_the_settings_say_so(tmp_path: Path, status: int) -> None:
    quirks = {"quirks": Quirks(post_search=status)}
    with support.world(tmp_path, source=quirks, destination=quirks) as world:
        world.configure(source=GET, destination=GET)
        request = world.request(patient={"identifier": f"{MRN}|{world.patient}"})
        run = world.cli("transfer", request, "--json")
        assert run.json["state"] == "verified", run.err
        assert asked(world.source) == asked(world.destination) == {"GET"}
        assert [line.partition(":")[0] for line in run.err.splitlines()] == [
            "source",
            "destination",
        ]
        assert "stand in URLs" in run.err
        assert max(len(r.query) for r in world.destination.requests) < 2000
        again = world.cli("verify", request, "--json")
        assert again.err == ""
        assert again.json["counts"]["verified"] == run.json["counts"]["sent"]


@pytest.mark.parametrize("status", [404, 405, 400])
@pytest.mark.parametrize(("end", "code"), [("source", 6), ("destination", 7)])
def test_a_refused_post_is_told_with_its_remedy(
    tmp_path: Path, end: str, code: int, status: int
) -> None:
    with support.world(tmp_path, **{end: {"quirks": Quirks(post_search=status)}}) as world:
        world.configure()
        run = world.cli(
            "transfer", world.request(patient={"identifier": f"{MRN}|{world.patient}"}), "--json"
        )
        assert run.code == code, run.err
        [reason] = [r for r in run.json["reasons"] if r["exit_code"] == code]
        assert f"the {end} does not offer search by POST" in reason["why"]
        assert 'search_by = "get"' in reason["what_to_do"]
        sandbox = world.source if end == "source" else world.destination
        assert all(world.patient not in r.query for r in sandbox.requests)
        assert not world.written()
