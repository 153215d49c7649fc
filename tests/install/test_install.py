"""What a stranger installs, by each of the three ways, works outside the checkout."""

import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from connector import __version__

pytestmark = pytest.mark.install

CHECKOUT = Path(__file__).parents[2]
PIP_CACHE = CHECKOUT / ".cache" / "pip"

LIST_DATA = """
from hashlib import sha256
from importlib.resources import files
def walk(folder, path):
    for entry in folder.iterdir():
        if entry.is_dir():
            walk(entry, path + entry.name + "/")
        else:
            print(sha256(entry.read_bytes()).hexdigest(), path + entry.name)
for name in ("mappings", "demo"):
    walk(files("connector") / name, name + "/")
"""


def done(*command: str | Path, cwd: Path) -> str:
    """What a command printed that ended well, without the Python settings of this environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    finished = subprocess.run(
        command,
        cwd=cwd,
        env=kept | {"PIP_CACHE_DIR": str(PIP_CACHE)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, f"{command}\n{finished.stdout}"
    return finished.stdout


def pip_install(environment: Path, *what: str | Path) -> None:
    pip = (sys.executable, "-m", "pip", "--python", environment / "bin" / "python")
    constraints = CHECKOUT / "constraints.txt"
    done(*pip, "install", "--quiet", "--constraint", constraints, *what, cwd=environment)


def from_folder(environment: Path, _work: Path) -> None:
    pip_install(environment, CHECKOUT)


def from_sdist(environment: Path, work: Path) -> None:
    done(sys.executable, "-m", "build", "--outdir", work, CHECKOUT, cwd=work)
    (wheel,) = work.glob("second_opinion_connector-*.whl")
    pip_install(environment, wheel)


def editable(environment: Path, _work: Path) -> None:
    pip_install(environment, "--editable", CHECKOUT)


@pytest.fixture(scope="module", params=[from_folder, from_sdist, editable])
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that holds the connector and what it depends on."""
    install: Callable[[Path, Path], None] = request.param
    environment = tmp_path_factory.mktemp("environment")
    done(sys.executable, "-m", "venv", "--without-pip", environment, cwd=environment)
    install(environment, tmp_path_factory.mktemp("work"))
    return environment / "bin"


def test_command_says_its_version(programs: Path, tmp_path: Path) -> None:
    assert __version__ in done(programs / "connector", "--version", cwd=tmp_path)


def test_mappings_and_demo_travel(programs: Path, tmp_path: Path) -> None:
    folders = {"mappings": CHECKOUT / "mappings", "demo": CHECKOUT / "fixtures" / "demo"}
    expected = {
        f"{sha256(path.read_bytes()).hexdigest()} {name}/{path.relative_to(folder)}"
        for name, folder in folders.items()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert all(any(f" {name}/" in line for line in expected) for name in folders)
    listed = done(programs / "python", "-c", LIST_DATA, cwd=tmp_path)
    assert set(listed.splitlines()) == expected


def test_demo_from_an_empty_folder(programs: Path, tmp_path: Path) -> None:
    done(programs / "connector", "demo", cwd=tmp_path)
