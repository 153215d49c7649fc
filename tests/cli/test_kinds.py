"""Records of unknown kind, as a person meets them: named, taken by number, kept as a rule."""

import base64
from pathlib import Path
from typing import Any

import pytest

from connector import yamlfile
from tests.support import World

HOME = "urn:oid:1.2.3.4"
KIND = "discharge-summary"


def put(world: World, id: str, text: str = "", code: str = "", **more: Any) -> None:
    named: dict[str, Any] = {"text": text} if text else {}
    if code:
        system, _, value = code.rpartition("|")
        named["coding"] = [{"system": system or HOME, "code": value}]
    data = base64.b64encode(id.encode()).decode()
    world.source.put(
        {
            "resourceType": "DocumentReference", "id": id, "status": "current",
            "subject": {"reference": f"Patient/{world.patient}"}, "date": "2026-10-01T10:00:00Z",
            **({"type": named} if named else {}),
            "content": [{"attachment": {"contentType": "text/plain", "data": data}}], **more,
        }
    )  # fmt: skip


def groups(world: World, *options: str) -> dict[str, dict[str, Any]]:
    """Those of unknown kind, by title, as `show` tells them of the chart as it is now."""
    assert world.cli(*options, "pull", "request.yaml").code in (0, 3)
    mapped = world.cli(*options, "map", "request.yaml")
    assert mapped.code in (0, 3), mapped
    return {group["title"]: group for group in world.cli("show", "SO-1", "--json").json["unknown"]}


def keep(world: World, number: str, kind: str = KIND, folder: str = "mine") -> Any:
    return world.cli("mappings", "keep", "request.yaml", number, kind, folder)


def kept(world: World) -> Any:
    return yamlfile.read(world.folder / "mine/kinds/kept.yaml")[0]["more"]


def test_the_dry_run_and_show_name_them_and_say_how_to_take_them(world: World) -> None:
    put(world, "a", "Zork", author=[{"display": "Dr Roe"}])
    put(world, "b", "Zork", author=[{"display": "Dr Roe"}], date="2019-10-01T10:00:00Z")
    world.request()
    dry = world.cli("transfer", "request.yaml", "--dry-run")
    (number,) = (group["number"] for group in groups(world).values())
    line = f"  {number}  2 x Zork, 2019-10-01 to 2026-10-01, Dr Roe: stays\n"
    head = "Reports and documents of unknown kind (`include` takes the number):\n"
    assert f"{head}{line}" in dry.out
    assert f"{head}{line}" in world.cli("show", "SO-1").out
    outline = world.cli("transfer", "request.yaml", "--dry-run", "--json").json["outline"]
    assert outline["unknown"] == world.cli("show", "SO-1", "--json").json["unknown"]
    assert outline["unknown"][0]["records"] == ["DocumentReference/a", "DocumentReference/b"]


def test_a_number_brings_its_records_to_the_other_team(world: World) -> None:
    put(world, "a", "Zork")
    put(world, "b", "Blorb")
    world.request()
    number = groups(world)["Zork"]["number"]
    world.request(include=[number])
    dry = world.cli("transfer", "request.yaml", "--dry-run")
    assert f"{number}  1 x Zork, 2026-10-01: leaves" in dry.out
    assert world.cli("transfer", "request.yaml", "--json").json["state"] == "verified"
    titles = [r["type"].get("text") for r in world.there("DocumentReference")]
    assert "Zork" in titles
    assert "Blorb" not in titles


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("3", "expected the whole number as the list shows it, for example 3-a1f0"),
        ("1-0000", "include, number 1: 1-0000 is not on the list"),
        ("Zork", "expected Type/id"),
    ],
)
def test_what_is_no_number_of_the_list_is_told(world: World, number: str, said: str) -> None:
    put(world, "a", "Zork")
    world.request(include=[number])
    ran = world.cli("transfer", "request.yaml", "--dry-run")
    assert ran.code == 2
    assert said in ran.err


@pytest.mark.parametrize(("code", "trust"), [("", "words"), ("ZORK 7", "code")])
def test_what_is_kept_is_known_from_then_on(world: World, code: str, trust: str) -> None:
    put(world, "a", "Zork", code)
    put(world, "other", "Blorb")
    world.request()
    ran = keep(world, groups(world)["Zork"]["number"])
    assert ran.code == 0, ran
    assert ran.out.startswith("Wrote mine/kinds/kept.yaml: DocumentReference ")
    assert groups(world, "--mappings", "mine").keys() == {"Blorb"}
    explained = ("mappings", "explain", "SO-1", "DocumentReference/a")
    told = world.cli("--mappings", "mine", *explained).out
    assert f"is of the kind {KIND}, known by its {trust}" in told
    as_json = world.cli("--mappings", "mine", *explained, "--json").json
    assert as_json["records"][0]["kinds"][KIND] == trust
    # Another record that is called the same, or has the code, is known without a word more.
    put(world, "b", "Zork" if not code else "Zork of another year", code)
    assert groups(world, "--mappings", "mine").keys() == {"Blorb"}
    packaged = sum(len(group["records"]) for group in groups(world).values())
    assert packaged == 3  # the packaged set alone knows none


def test_kept_twice_is_kept_once_and_another_is_added(world: World) -> None:
    put(world, "a", "Zork")
    put(world, "b", "Blorb")
    world.request()
    found = groups(world)
    for _ in range(2):
        assert keep(world, found["Zork"]["number"]).code == 0
    before = (world.folder / "mine/kinds/kept.yaml").read_bytes()
    assert keep(world, found["Zork"]["number"]).code == 0
    assert (world.folder / "mine/kinds/kept.yaml").read_bytes() == before
    assert keep(world, found["Blorb"]["number"], "consult-note").code == 0
    assert [(more["kind"], more["words"]) for more in kept(world)] == [
        (KIND, {"own": ["Zork"]}),
        ("consult-note", {"own": ["Blorb"]}),
    ]


OURS = """# written by hand
version: "1"
about: ours
more:
  - kind: discharge-summary
    words: {en: [quux]}   # as our scanners call it
"""


def test_files_that_people_wrote_stay_and_hold_beside_it(world: World) -> None:
    ours = world.folder / "mine/kinds/ours.yaml"
    ours.parent.mkdir(parents=True)
    ours.write_text(OURS)
    (ours.parent / "kept.yaml").write_text(
        'version: "7"\nabout: begun by hand\nkinds:\n'
        "  - {id: zorks, title: Zorks, broader: [discharge-summary], types: [DocumentReference]}\n"
    )
    put(world, "a", "Zork")
    put(world, "b", "Quux")
    world.request()
    assert keep(world, groups(world)["Zork"]["number"]).code == 0
    assert ours.read_text() == OURS
    written = yamlfile.read(ours.parent / "kept.yaml")[0]
    assert (written["version"], written["about"]) == ("7", "begun by hand")
    assert written["kinds"][0]["id"] == "zorks"
    assert groups(world, "--mappings", "mine") == {}


TITLES = (
    "a: b # c", "- dash", '"quoted" and \'single\'', "yes", "null", "~home", "*starred*", "&anchor",
    "%TAG ! x", "{x: y}", "[list]", "007", "2026-10-01", "é — ü ß", "| bar", "@at `tick`",
    "back\\slash \\n", "x" * 300, "!tag", "?", "Zork\u2028line", "\U0001d4b5ork",
)  # fmt: skip


def test_titles_that_mean_something_in_yaml_are_kept_as_they_are(world: World) -> None:
    for number, title in enumerate(TITLES):
        put(world, f"t{number}", title)
    world.request()
    found = groups(world)
    assert len(found) == len(TITLES)
    for title, group in found.items():
        ran = keep(world, group["number"])
        assert ran.code == (2 if title == "?" else 0), (title, ran)
    assert groups(world, "--mappings", "mine").keys() == {"?"}


def test_what_cannot_be_kept_is_told_and_nothing_is_written(world: World) -> None:
    put(world, "nameless")
    put(world, "wrong", "Zork", "http://terminology.hl7.org/CodeSystem/v2-0074|ZORK")
    put(world, "dot", "…")
    world.request()
    found = groups(world)
    for number, kind, said in (
        ("9-0000", KIND, "not on the case's list"),
        (found["Zork"]["number"], "zorks", "zorks: no such kind of record"),
        (found["Zork"]["number"], KIND, "that code system has no such code"),
        (found["DocumentReference"]["number"], KIND, "neither a code nor a title"),
        (found["…"]["number"], KIND, "without a letter or digit"),
    ):
        ran = keep(world, number, kind)
        assert (ran.code, said in ran.err) == (2, True), ran
        assert not (world.folder / "mine/kinds/kept.yaml").exists()
        assert "Traceback" not in ran.err
    put(world, "good", "Blorb")
    assert keep(world, groups(world)["Blorb"]["number"]).code == 0
    before = (world.folder / "mine/kinds/kept.yaml").read_bytes()
    assert keep(world, found["…"]["number"]).code == 2
    assert (world.folder / "mine/kinds/kept.yaml").read_bytes() == before


def test_images_are_kept_by_what_they_are_called_not_by_their_machine(world: World) -> None:
    """By its modality each image of the machine would be of the kind."""
    world.source.put(
        {
            "resourceType": "ImagingStudy", "id": "i", "status": "available",
            "subject": {"reference": f"Patient/{world.patient}"}, "started": "2026-10-01",
            "description": "Zork protocol",
            "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "OT"}],
            "series": [
                {
                    "uid": "1.2.3", "instance": [{"uid": "1.2.4", "sopClass": {"code": "x"}}],
                    "modality": {"code": "OT"},
                }
            ],
        }
    )  # fmt: skip
    world.request()
    found = groups(world)
    assert keep(world, found["Zork protocol"]["number"], "brain-images").code == 0
    assert kept(world) == [
        {"kind": "brain-images", "types": ["ImagingStudy"], "words": {"own": ["Zork protocol"]}}
    ]
    assert "Zork protocol" not in groups(world, "--mappings", "mine")


def test_what_is_strange_about_the_patient_is_told_before_approval(world: World) -> None:
    world.configure(release="manual")
    world.source.put(
        {
            "resourceType": "Condition", "id": "refuted",
            "subject": {"reference": f"Patient/{world.patient}"}, "code": {"text": "Zork"},
            "clinicalStatus": {"coding": [{"code": "resolved"}]},
        }
    )  # fmt: skip
    patient = next(r for r in world.source.resources() if r["id"] == world.patient)
    world.source.put({**patient, "deceasedBoolean": True, "birthDate": "1890-01-01"})
    world.request(condition="Condition/refuted")
    dry = world.cli("transfer", "request.yaml", "--dry-run")
    as_json = world.cli("transfer", "request.yaml", "--dry-run", "--json").json
    people = as_json["outline"]["people"]
    assert people[0] == "The source says that the patient has died."
    assert people[1].startswith("By the birth date the patient is 13")
    assert people[2:] == ["The chart says that the condition in question is resolved."]
    assert as_json["state"] == "awaiting-approval"
    assert world.written() == []
    for sentence in people:
        assert f"Look again: {sentence}\n" in dry.out
        assert f"Look again: {sentence}\n" in world.cli("show", "SO-1").out
    assert world.cli("show", "SO-1", "--json").json["people"] == people
    (world.folder / "requests").mkdir()
    (world.folder / "request.yaml").rename(world.folder / "requests/request.yaml")
    for option in ([], ["--json"]):
        synced = world.cli("sync", "requests", *option)
        assert "awaiting-approval" in synced.out
        assert "died" not in synced.out + synced.err


def test_the_folder_of_a_set_may_be_anywhere(world: World, tmp_path: Path) -> None:
    put(world, "a", "Zork")
    world.request()
    folder = tmp_path / "a folder" / "of ours"
    assert keep(world, groups(world)["Zork"]["number"], folder=str(folder)).code == 0
    assert groups(world, "--mappings", str(folder)) == {}
