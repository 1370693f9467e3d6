"""Does CONTRIBUTING.md say what is so, and do five plug-ins of another package, made as it says, work together?"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from ganbench import testing
from ganbench.commands.list import REGISTRIES
from ganbench.commands.new import write_template

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
KINDS = ("variant", "metric", "extractor", "dataset", "diagnostic")
SUITE = """
name = "ours"

[[matrix]]
variants = ["our_variant"]
datasets = ["our_dataset"]
seeds = [0]
budget_images = 128
config.our_variant = { latent_dim = 8, width = 8 }
training = { batch_size = 64 }
evaluation = { extractor = "our_extractor", metrics = ["our_metric", "fd"], n_fake = 200 }
"""
ALL = """
import json, sys
from ganbench import testing
from ganbench.commands.list import REGISTRIES
for kind in ("variant", "metric", "extractor", "dataset", "diagnostic"):
    getattr(testing, f"check_{kind}")(f"our_{kind}")
print(json.dumps({kind: registry.names() for kind, registry in REGISTRIES.items()}))
"""


def test_files_groups_and_checks_that_it_names_are_there() -> None:
    paths = {word for word in re.findall(r"`([\w./]+/[\w./]*)`", TEXT) if "yours" not in word}
    assert len(paths) > 10 and all((ROOT / path).exists() or (ROOT / "ganbench" / path).exists() for path in paths), paths
    groups = {word for word in re.findall(r"`(ganbench\.\w+)`", TEXT) if word != "ganbench.testing"}
    assert groups == {registry.group for registry in REGISTRIES.values()}
    assert all(hasattr(testing, f"check_{kind}") and f"`check_{kind}`" in TEXT for kind in KINDS)
    assert set(re.findall(r"# or: ([\w, ]+)", TEXT)[0].split(", ")) == {*KINDS} - {"variant"}


def registration(template: str) -> tuple[str, str]:
    """The entry-point group and the line of it that a template's first words say for pyproject.toml."""
    found = re.search(r'\[project\.entry-points\."(.+)"\]\n +(.+)', template)
    assert found is not None
    return found[1], found[2].replace('"', "")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for sys.path with an installed package of five plug-ins, registered as their first lines say."""
    site = tmp_path_factory.mktemp("site")
    (site / "your_package").mkdir()
    (site / "your_package" / "__init__.py").touch()
    information = site / "your_package-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: your-package\nVersion: 1.0\n")
    entries = []
    for kind in KINDS:
        out = site / "your_package" / f"our_{kind}.py"
        write_template(kind, f"our_{kind}", out, Console(quiet=True))
        group, line = registration(out.read_text())
        entries += [f"[{group}]", line]
    (information / "entry_points.txt").write_text("\n".join(entries) + "\n")
    (site / "ours.toml").write_text(SUITE)
    return site


def python(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=site, env=environment, timeout=120)


def test_plug_ins_of_another_package_are_listed_and_keep_their_contracts(package: Path) -> None:
    result = python(package, "-c", ALL)
    assert result.returncode == 0, result.stderr
    names = json.loads(result.stdout)
    assert all(f"our_{kind}" in names[f"{kind}s"] for kind in KINDS)


def test_the_command_lists_them(package: Path) -> None:
    result = python(package, "-m", "ganbench", "list", "datasets", "our_dataset", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["budgets"] == {"smoke": 5_120, "short": 48_000, "standard": 640_000}


def test_a_variant_trains_on_a_data_set_and_is_scored_and_diagnosed_all_of_them_plug_ins(package: Path) -> None:
    result = python(package, "-m", "ganbench", "run", "ours.toml", "--out", "out", "--device", "cpu")
    assert result.returncode == 0, result.stderr
    (path,) = (package / "out" / "runs").glob("*/record.json")
    record = json.loads(path.read_text())
    assert (record["spec"]["variant"]["name"], record["spec"]["dataset"]["name"]) == ("our_variant", "our_dataset")
    first = record["evaluations"][0]
    assert {(score["metric"], score["protocol"]["extractor"]) for score in first["scores"]} == {
        ("our_metric", "our_extractor"),
        ("fd", "our_extractor"),
    }
    assert "our_diagnostic" in {finding["name"] for finding in first["diagnostics"]}
    assert record["images_seen"] == 128
