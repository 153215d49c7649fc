"""The official HL7 validator, offline: many resources in one start, its findings as values."""

import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from connector import yamlfile

HERE = Path(__file__).parent / "hl7"
TARGET = HERE / "target"
PACKAGES = HERE / "packages.tar.xz"
GUIDES = (
    "local.offline.tx#1.0.0",
    "hl7.fhir.us.core#6.1.0",
    "hl7.fhir.us.bser#2.0.0-ballot",
    "hl7.fhir.uv.ips#1.1.0",
)
_MAIN = "org.hl7.fhir.validation.ValidatorCli"
_POSITION = re.compile(r"\[\d+\]|/\*.*?\*/")
_VALUE = re.compile(r"""'[^']*'|"[^"]*"|[0-9][0-9a-f.-]*""")
_SOURCE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-file"


class JavaMissingError(RuntimeError):
    """The programs to fetch and run the validator are not there."""


class Issue(NamedTuple):
    """One finding. severity: fatal | error | warning | information; path: a FHIRPath."""

    severity: str
    path: str
    text: str

    @property
    def complaint(self) -> str:
        """The text without the values in it."""
        return _VALUE.sub("…", self.text)

    @property
    def kind(self) -> str:
        """Path without positions, and complaint: two of a kind are the same mistake."""
        return f"{_POSITION.sub('', self.path)}: {self.complaint}"


@dataclass(frozen=True)
class Artefact:
    """A complaint that the stubbed packages cause. `text`: a regular expression, matched whole."""

    name: str
    text: re.Pattern[str]
    reason: str


def artefacts() -> list[Artefact]:
    """The list in hl7/artefacts.yaml."""
    found, _ = yamlfile.read(HERE / "artefacts.yaml")
    return [Artefact(a["name"], re.compile(a["text"], re.DOTALL), a["reason"]) for a in found]


def validate(resources: Mapping[str, bytes]) -> dict[str, list[Issue]]:
    """Each resource by any name → all that the validator finds, nothing left out.

    Raises JavaMissingError without java or mvn, RuntimeError if the validator ends early.
    """
    _prepare()
    with TemporaryDirectory(dir=TARGET) as name:
        folder = Path(name)
        (folder / "in").mkdir()
        for number, body in enumerate(resources.values()):
            (folder / "in" / f"{number:06}.json").write_bytes(body)
        answer = _run(folder)
    found = {_number(outcome): _issues(outcome) for outcome in answer}
    if found.keys() != set(range(len(resources))):
        raise RuntimeError(f"the validator read {len(found)} of {len(resources)} resources")
    return {name: found[number] for number, name in enumerate(resources)}


def errors(issues: Iterable[Issue], known: Sequence[Artefact]) -> list[Issue]:
    """Errors and worse, without the known artefacts."""
    return [
        issue
        for issue in issues
        if issue.severity in ("error", "fatal")
        and not any(artefact.text.fullmatch(issue.text) for artefact in known)
    ]


def _prepare() -> None:
    """Jars and package cache into target/, once for each state of their sources."""
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    if missing:
        raise JavaMissingError(f"no {' and no '.join(missing)} on the PATH")
    made_of = sha256((HERE / "pom.xml").read_bytes() + PACKAGES.read_bytes()).hexdigest()
    built = TARGET / "built"
    if built.exists() and built.read_text() == made_of:
        return
    shutil.rmtree(TARGET, ignore_errors=True)
    subprocess.run(["mvn", "-B", "-q", "package"], cwd=HERE, check=True, stdin=subprocess.DEVNULL)
    with tarfile.open(PACKAGES) as packages:
        packages.extractall(TARGET / "home", filter="data")
    built.write_text(made_of)


def _run(folder: Path) -> list[dict[str, object]]:
    guides = [word for guide in GUIDES for word in ("-ig", guide)]
    output = folder / "outcome.json"
    done = subprocess.run(
        [
            "nice", "java", "-Xmx3g", f"-Duser.home={TARGET / 'home'}",
            "-cp", f"{TARGET / 'lib'}/*", _MAIN, str(folder / "in"), "-output", str(output),
            "-version", "4.0.1", "-tx", "n/a", "-txCache", str(folder / "tx"), *guides,
            "-extension", "any", "-display-issues-are-warnings",
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    # Its exit code says nothing when there are several files.
    if not output.exists():
        raise RuntimeError(
            f"the validator gave nothing: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    answer = json.loads(output.read_text())
    if answer["resourceType"] == "OperationOutcome":  # there was one file
        return [answer]
    return [entry["resource"] for entry in answer["entry"]]


def _number(outcome: dict[str, object]) -> int:
    extensions = outcome["extension"]
    assert isinstance(extensions, list)
    (file,) = (item["valueString"] for item in extensions if item["url"] == _SOURCE)
    return int(Path(file).stem)


def _issues(outcome: dict[str, object]) -> list[Issue]:
    issues = outcome.get("issue", [])
    assert isinstance(issues, list)
    return [
        Issue(item["severity"], (item.get("expression") or [""])[0], item["details"]["text"])
        for item in issues
    ]
