"""Is the wheel whole, and does it work in an empty folder, without the clone?"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

import ganbench

ROOT = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip"] if any(distributions(name="pip")) else None
"""Environments of uv have no pip. Asking for its module would have setuptools take its own distutils away from this process."""


def has(*arguments: object, cwd: Path, env: dict[str, str] | None = None) -> str:
    """What a command prints on stdout; it must succeed."""
    said = subprocess.run([str(one) for one in arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=900)
    assert said.returncode == 0, f"{said.stdout}\n{said.stderr}"
    return said.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this clone, built as users and the Dockerfile build it, with the build tool that is installed."""
    out = tmp_path_factory.mktemp("dist")
    if PIP:
        has(*PIP, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", out, ROOT, cwd=out)
    else:
        has("uv", "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment: the wheel, and what this environment has, but not the clone.

    Lines of a ``.pth`` file are searched for modules, but not for further ``.pth`` files, which is what an editable installation is.
    """
    place = tmp_path_factory.mktemp("environment") / "venv"
    has(sys.executable, "-m", "venv", "--without-pip", place, cwd=place.parent)
    python = place / "bin" / "python"
    installer = [*PIP, "--python", python, "install"] if PIP else ["uv", "pip", "install", "--python", python]
    has(*installer, "--quiet", "--no-deps", wheel, cwd=place.parent)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}) + "\n")
    return place / "bin"


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, str]:
    """An environment that knows neither the clone nor its data, with a home of its own."""
    ours = ("GANBENCH", "PYTHON", "PYTEST", "VIRTUAL_ENV", "XDG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    (tmp_path / "home").mkdir()
    return {**kept, "HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def in_git(*folders: str) -> set[str]:
    """Files of these folders that are in the repository."""
    return {name for name in has("git", "ls-files", "-z", *folders, cwd=ROOT).split("\0") if name and (ROOT / name).is_file()}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone")
def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = in_git("ganbench", "baselines")
    assert {".py", ".toml", ".j2", ".css", ".js", ".safetensors"} <= {Path(name).suffix for name in wanted}
    assert "ganbench/py.typed" in wanted
    assert wanted <= held, sorted(wanted - held)


def test_the_wheel_holds_the_packages_alone(wheel: Path) -> None:
    held = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in held} == {"ganbench", "baselines", f"ganbench-{ganbench.__version__}.dist-info"}
    assert not [name for name in held if "__pycache__" in name]


def test_what_is_installed_is_the_wheel(installed: Path, empty: Path, outside: dict[str, str]) -> None:
    code = "import sys, ganbench, baselines; print(ganbench.__file__, baselines.__file__, *sys.path, sep='\\n')"
    ours, baselines, *searched = has(installed / "python", "-P", "-c", code, cwd=empty, env=outside).splitlines()
    assert Path(ours).is_relative_to(installed.parent)
    assert Path(baselines).is_relative_to(installed.parent)
    assert str(ROOT) not in searched
    assert has(installed / "ganbench", "--version", cwd=empty, env=outside) == f"ganbench {ganbench.__version__}\n"


def test_a_short_quickstart_runs_in_an_empty_folder(installed: Path, empty: Path, outside: dict[str, str]) -> None:
    shorter = ["--set", "budget_images=640", "--only", "variant=dcgan", "--only", "dataset=digits", "--only", "seed=0", "--device", "cpu"]
    has(installed / "ganbench", "run", "quickstart", *shorter, "--out", "runs/quickstart", cwd=empty, env=outside)
    assert [path.name for path in empty.iterdir()] == ["runs"]
    out = empty / "runs" / "quickstart"
    assert "<h1" in (out / "index.html").read_text(encoding="utf-8")
    records = [json.loads(path.read_text()) for path in out.glob("runs/*/record.json")]
    assert [one["status"] for one in records] == ["done"]


@pytest.mark.slow
def test_the_quickstart_runs_in_an_empty_folder(installed: Path, empty: Path, outside: dict[str, str]) -> None:
    has(installed / "ganbench", "quickstart", cwd=empty, env=outside)
    out = empty / "runs" / "quickstart"
    assert (out / "index.html").exists()
    assert (out / "figures" / "samples-digits.png").exists()
    statuses = [json.loads(path.read_text())["status"] for path in out.glob("runs/*/record.json")]
    assert len(statuses) == 16
    assert set(statuses) <= {"done", "diverged"}  # gan on ring8 diverges, which is a result


DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_the_dockerfile_takes_files_that_are_there_and_not_ignored() -> None:
    copied = [one for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M) for one in line.split()[:-1]]
    mounted = re.findall(r"type=bind,source=([^,\s]+)", DOCKERFILE)
    assert {"pyproject.toml", "ganbench", "baselines", "requirements.lock"} <= {*copied, *mounted}
    for name in {*copied, *mounted}:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in IGNORED, f"{name} is not let through by .dockerignore"


def test_the_dockerfile_builds_the_wheel_from_what_it_copies(tmp_path: Path) -> None:
    """As in its first stage: a folder with the copied files alone, and the line that builds."""
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M):
        *sources, target = line.split()
        for name in sources:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, tmp_path / "source" / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (tmp_path / "source").mkdir(exist_ok=True)
                shutil.copy(ROOT / name, tmp_path / "source" / target / name)
    (line,) = re.findall(r"^RUN pip wheel (.+)$", DOCKERFILE, re.M)
    if PIP is None:
        pytest.skip("no pip here")
    words = [str(tmp_path / "wheels") if word == "/wheels" else word for word in line.split()]
    has(*PIP, "wheel", "--quiet", "--no-build-isolation", *words, cwd=tmp_path / "source")
    assert [path.name for path in (tmp_path / "wheels").iterdir()] == [f"ganbench-{ganbench.__version__}-py3-none-any.whl"]
