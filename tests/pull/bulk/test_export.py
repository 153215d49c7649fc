"""A bulk export of one patient: the same chart, and never an export of somebody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Held, SourceFailed, Waiting
from connector.failpoint import EXIT_KILLED
from connector.fhir.lossless import encode
from connector.gap import GapKind
from connector.pull import forget_export
from connector.store.case.casefile import CaseFile
from connector.store.pulled import earlier
from tests.pull.support import (
    NAMES,
    bearer,
    chart_of,
    charts,
    complete,
    condition,
    in_a_process,
    pull,
    read,
    small,
    source,
    truth,
)
from tests.pull.test_whole_chart import PLANTED
from tests.real.charts import key
from tests.sandbox_parts import BulkQuirks, Fault, Quirks, Sandbox

PLAIN = BulkQuirks()
OTHER = {"resourceType": "Patient", "id": "other"}


@contextmanager
def exporting(*resources: Any, bulk: BulkQuirks = PLAIN, **sandbox: Any) -> Iterator[Sandbox]:
    resources = resources or (condition("c"),)
    with small(*resources, quirks=Quirks(bulk=bulk), **sandbox) as server:
        yield server


def test_the_chart_is_what_search_gives(tmp_path: Path) -> None:
    expected = chart_of("Lanny")
    with charts(*NAMES, quirks=Quirks(bulk=PLAIN)) as server:
        settings = source(server.base_url, pull="bulk")
        pulled = pull(tmp_path / "bulk", settings, id=expected.patient["id"])
        searched = pull(tmp_path / "search", source(server.base_url), id=expected.patient["id"])
        assert server.exports == []
    assert pulled.records.keys() == truth(expected)
    assert pulled.bodies == searched.bodies
    assert pulled.gaps == []


SHAPES = [
    PLAIN,
    BulkQuirks(offers="instance"),
    BulkQuirks(pages=True, errors="outcome"),
    BulkQuirks(polls=3),
]


@pytest.mark.parametrize("bulk", SHAPES)
def test_planted_records_come_in_every_shape(tmp_path: Path, bulk: BulkQuirks) -> None:
    with exporting(*PLANTED, OTHER, condition("theirs", "other"), bulk=bulk) as server:
        pulled = pull(tmp_path, source(server.base_url, pull="bulk"), id="pat")
        assert server.exports == []
    expected = {key(r) for r in PLANTED} - {"Practitioner/stranger"} | {"Patient/pat"}
    assert pulled.records.keys() == expected
    assert pulled.gaps == []


def test_a_file_that_holds_less_than_the_manifest_says_is_a_gap(tmp_path: Path) -> None:
    with exporting(condition("c1"), condition("c2"), bulk=BulkQuirks(cut=True)) as server:
        pulled = pull(tmp_path, source(server.base_url, pull="bulk"), id="pat")
    gap = pulled.gap("Condition")
    assert gap.kind == "failed"
    assert gap.why == "the server counts 2 records in an export file and sends 1"


def test_an_export_that_is_not_sure_to_be_of_one_patient_is_not_asked_for(tmp_path: Path) -> None:
    with exporting(bulk=BulkQuirks(offers="nothing")) as server:
        with pytest.raises(SourceFailed, match="one patient alone"):
            pull(tmp_path, source(server.base_url, pull="bulk"), id="pat")
        assert not [r for r in server.requests if "$export" in r.path]


@pytest.mark.parametrize("with_group", [False, True])
def test_a_line_of_another_patient_stops_and_deletes_the_export(
    tmp_path: Path, with_group: bool
) -> None:
    member = [{"entity": {"reference": f"Patient/{name}"}} for name in ("pat", "other")]
    group = {"resourceType": "Group", "id": "g", "member": member}
    bulk = replace(PLAIN, ignores_patient=not with_group)
    theirs = condition("theirs", "other")
    with exporting(OTHER, theirs, condition("c"), group, bulk=bulk) as server:
        settings = source(server.base_url, pull="bulk", bulk_group="g" if with_group else None)
        with pytest.raises(SourceFailed, match="other patients"):
            pull(tmp_path, settings, id="pat")
        assert server.exports == []
        # Patients come first: nobody's records were fetched.
        assert not [r for r in server.requests if r.path.endswith("/Condition")]
    assert read(tmp_path).records.keys() == {"Patient/pat"}
    assert not complete(tmp_path)


def test_a_long_wait_parks_and_the_same_export_is_waited_for(tmp_path: Path) -> None:
    with exporting(bulk=BulkQuirks(polls=1, retry_after="7200")) as server:
        settings = source(server.base_url, pull="bulk")
        with pytest.raises(Waiting) as parked:
            pull(tmp_path, settings, id="pat")
        asked = len(server.requests)
        with pytest.raises(Waiting) as again:  # before its time
            pull(tmp_path, settings, id="pat")
        assert again.value.until == parked.value.until
        assert len(server.requests) == asked
        its_time_comes(tmp_path)
        pulled = pull(tmp_path, settings, id="pat")
        assert len([r for r in server.requests if r.path.endswith("$export")]) == 1
        assert server.exports == []
    assert "Condition/c" in pulled.records


def its_time_comes(folder: Path) -> None:
    with CaseFile.open(folder) as case:
        case.state.export = {**case.state.export, "until": "2026-01-01T00:00:00Z"}


def test_an_absurd_time_to_come_back_is_bounded_and_told(tmp_path: Path) -> None:
    with exporting(bulk=BulkQuirks(polls=1, retry_after="999999999999")) as server:
        with pytest.raises(Waiting, match="more than a day") as parked:
            pull(tmp_path, source(server.base_url, pull="bulk"), id="pat")
        until = datetime.fromisoformat(parked.value.until)
        assert until - datetime.now(UTC) <= timedelta(days=1)


def test_an_export_that_can_not_be_deleted_is_told_and_tried_again(tmp_path: Path) -> None:
    with exporting(faults=[Fault("status", "/export/", "DELETE", status=500)]) as server:
        settings = source(server.base_url, pull="bulk")
        gap = pull(tmp_path, settings, id="pat").gap("export")
        assert (gap.kind, "could not be deleted" in gap.why) == ("not-asked", True)
        with CaseFile.open(tmp_path) as case:  # another pull, as `connector pull` asks for
            earlier.begin_again(case, "2026-01-01T00:00:00Z")
            forget_export(case)
            case.state.pull_complete = None
        server.clear_faults()
        assert pull(tmp_path, settings, id="pat").gaps == []
        assert server.exports == []


def test_an_export_without_files_is_no_chart_without_records(tmp_path: Path) -> None:
    with exporting(bulk=replace(PLAIN, empty=True)) as server:
        pulled = pull(tmp_path, source(server.base_url, pull="bulk"), id="pat")
    assert (pulled.gap("export").kind, "no file" in pulled.gap("export").why) == ("failed", True)


def test_a_server_without_patient_read_is_asked_by_the_export(tmp_path: Path) -> None:
    quirks = replace(PLAIN, reads_patient=False)
    with exporting(condition("c"), bulk=quirks) as server:
        for _ in range(2):
            settings = source(server.base_url, pull="bulk")
            pulled = pull(tmp_path / "case", settings, id="pat")
            assert pulled.records["Patient/pat"]["name"] == [{"family": "Test"}]
            assert "Condition/c" in pulled.records
            assert pulled.gaps == []
        with pytest.raises(Held, match="the export holds no patient"):
            pull(tmp_path / "other", settings, id="nobody")
        assert server.exports == []


def test_an_exported_type_is_not_missing_because_it_can_not_be_searched(tmp_path: Path) -> None:
    quirks = Quirks(bulk=PLAIN, types=frozenset({"Patient", "Observation"}))
    with small(condition("c"), quirks=quirks) as server:
        settings = source(server.base_url, pull="bulk")
        wanted = frozenset({"Condition", "Procedure"})
        for _ in range(2):
            pulled = pull(tmp_path, settings, wanted, id="pat")
            assert {g.what: g.kind for g in pulled.gaps} == {"Procedure": "unsupported"}
            assert "Condition/c" in pulled.records


OWN = {"system": "urn:x", "value": "1"}


def test_lines_of_an_export_are_taken_as_they_say_whose_they_are(tmp_path: Path) -> None:
    def named(id_: str, **subject: Any) -> Any:
        return {**condition(id_), "subject": subject} if subject else {
            k: v for k, v in condition(id_).items() if k != "subject"
        }  # fmt: skip

    lines = [
        named("by-number", identifier=OWN),
        named("nobody"),
        named("unclear", reference="urn:uuid:0c7f4a52-0000-4000-8000-000000000000"),
        named("of-a-pump", reference="Device/pump"),
        {"resourceType": "OperationOutcome", "id": "e1",
         "issue": [{"severity": "error", "code": "processing"}]},
    ]  # fmt: skip
    patient = {"resourceType": "Patient", "id": "pat", "identifier": [OWN]}
    body = b"".join(encode(line) + b"\n" for line in lines)
    given = Fault("status", "/export/1/Condition", status=200, body=body)
    with exporting(patient, condition("c"), faults=[given]) as server:
        pulled = pull(tmp_path, source(server.base_url, pull="bulk"), id="pat")
    assert {n for n in pulled.records if "Condition" in n} == {
        "Condition/by-number",
        "Condition/nobody",
    }
    why = {(g.what, g.kind): g.why for g in pulled.gaps}
    assert "(line 2)" in why["Condition", GapKind.NOT_ASKED]
    assert (
        "is no patient: not taken (1): Condition export file (line 4)"
        in (why["Condition", GapKind.NOT_ASKED])
    )
    assert "results are missing (processing)" in why["Condition", GapKind.FAILED]
    assert "(line 3)" in why["Condition", GapKind.FAILED]


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/other"},
        {"reference": "https://elsewhere.example/fhir/Patient/other"},
        {"identifier": {"system": "urn:x", "value": "2"}},
    ],
)
def test_a_line_that_names_another_in_any_way_stops_the_export(
    tmp_path: Path, subject: dict[str, Any]
) -> None:
    patient = {"resourceType": "Patient", "id": "pat", "identifier": [OWN]}
    body = encode({**condition("c"), "subject": subject})
    given = Fault("status", "/export/1/Condition", status=200, body=body)
    served = exporting(patient, condition("c"), faults=[given])
    with served as server, pytest.raises(SourceFailed, match="other patients"):
        pull(tmp_path, source(server.base_url, pull="bulk"), id="pat")
    assert read(tmp_path).records.keys() == {"Patient/pat"}


def test_a_killed_export_is_taken_up_and_deleted(tmp_path: Path) -> None:
    def run(folder: Path, **environment: str) -> int:
        return in_a_process(folder, server.base_url, "pat", "bulk", **environment)

    with exporting(*PLANTED) as server:
        log = tmp_path / "log"
        assert run(tmp_path / "whole", CONNECTOR_FAILPOINT_LOG=str(log)) == 0
        expected = read(tmp_path / "whole")
        steps = [s for s in log.read_text().split() if s.startswith(("commit.after", "export"))]
        for number, step in enumerate([*steps[3:16:3], "export.delete:1"]):
            folder = tmp_path / str(number)
            assert run(folder, CONNECTOR_FAILPOINT=step) == EXIT_KILLED
            pulled = pull(folder, source(server.base_url, pull="bulk"), id="pat")
            assert pulled.bodies == expected.bodies
            assert pulled.gaps == []
            assert server.exports == []


def test_an_export_whose_address_never_came_is_told(tmp_path: Path) -> None:
    with exporting(faults=[Fault("drop-after", r"\$export", times=1)]) as server:
        settings = source(server.base_url, pull="bulk")
        with pytest.raises(SourceFailed, match="can't be started"):
            pull(tmp_path, settings, id="pat")
        for _ in range(2):
            pulled = pull(tmp_path, settings, id="pat")
            assert len(server.exports) == 1  # nobody knows where
            gap = pulled.gap("export")
            assert (gap.kind, "may still run" in gap.why) == ("not-asked", True)
            assert "Condition/c" in pulled.records


def test_a_refused_kick_off_began_nothing(tmp_path: Path) -> None:
    with exporting(faults=[Fault("status", r"\$export", status=403, times=1)]) as server:
        settings = source(server.base_url, pull="bulk")
        with pytest.raises(SourceFailed, match="not started"):
            pull(tmp_path, settings, id="pat")
        assert pull(tmp_path, settings, id="pat").gaps == []
        assert server.exports == []


def test_killed_at_the_kick_off_an_export_is_deleted_or_told(tmp_path: Path) -> None:
    told = []
    for number in range(3, 7):
        with exporting() as server:
            folder, step = tmp_path / str(number), f"receive.after:{number}"
            run = in_a_process(folder, server.base_url, "pat", "bulk", CONNECTOR_FAILPOINT=step)
            assert run == EXIT_KILLED
            pulled = pull(folder, source(server.base_url, pull="bulk"), id="pat")
            told.append([gap.what for gap in pulled.gaps] == ["export"])
            assert len(server.exports) == told[-1]
    assert sorted(told) == [False, False, False, True]


def test_429_at_the_kick_off_and_at_the_status_is_waited_for(tmp_path: Path) -> None:
    faults = [
        Fault("status", r"\$export", status=429, times=1, headers={"Retry-After": "0"}),
        Fault("status", r"/export/1$", status=429, times=1, headers={"Retry-After": "0"}),
    ]
    with exporting(faults=faults) as server:
        pulled = pull(tmp_path, source(server.base_url, pull="bulk"), id="pat")
    assert "Condition/c" in pulled.records
    assert pulled.gaps == []


def test_what_the_server_could_not_export_is_a_gap_and_asked_for_anew(tmp_path: Path) -> None:
    with exporting(bulk=BulkQuirks(error_codes=("timeout",))) as server:
        settings = source(server.base_url, pull="bulk")
        pulled = pull(tmp_path, settings, id="pat")
        gap = pulled.gap("$export")
        assert gap.kind == "failed"
        assert "timeout" in gap.why
        pull(tmp_path, settings, id="pat")
        assert len([r for r in server.requests if r.path.endswith("$export")]) == 2


def test_a_file_that_breaks_is_a_gap_and_the_others_come(tmp_path: Path) -> None:
    broken = [Fault("status", r"/export/1/Condition", status=500)]
    with exporting(condition("c"), *PLANTED[:1], faults=broken) as server:
        pulled = pull(tmp_path, source(server.base_url, pull="bulk"), id="pat")
        assert pulled.gap("Condition").kind == "failed"
        server.clear_faults()
        assert pull(tmp_path, source(server.base_url, pull="bulk"), id="pat").gaps == []


@pytest.mark.parametrize("with_token", [False, True])
def test_the_token_goes_with_files_only_if_the_manifest_says_so(
    tmp_path: Path, with_token: bool
) -> None:
    # Without it, this server refuses its own files: the token was not sent.
    with exporting(bulk=BulkQuirks(with_token=with_token), bearer_token="t") as server:
        auth = bearer(tmp_path / "token", "t")
        settings = source(server.base_url, pull="bulk", auth=auth)
        pulled = pull(tmp_path / "case", settings, id="pat")
    assert ("Condition/c" in pulled.records) is with_token
    assert (pulled.gaps == []) is with_token


def test_files_at_another_origin_are_not_asked_for(tmp_path: Path) -> None:
    with (
        exporting() as elsewhere,
        exporting(bulk=replace(PLAIN, files_at=elsewhere.base_url, with_token=True)) as server,
    ):
        pulled = pull(tmp_path, source(server.base_url, pull="bulk"), id="pat")
        assert elsewhere.requests == []
    assert pulled.gap("Condition").kind == "refused"
