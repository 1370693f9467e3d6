import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Command = Callable[..., Any]
Suite = Callable[..., Path]
IMAGES = '{ extractor = "random-conv", metrics = ["fd"], n_fake = 10 }'


def only(folder: Path) -> Path:
    """The one run of a matrix."""
    (path,) = (folder / "runs").iterdir()
    return path


@pytest.fixture(scope="module")
def done(ganbench_in: Command, write_suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite and its finished matrix."""
    folder = tmp_path_factory.mktemp("done")
    write_suite(folder)
    assert ganbench_in(folder, "run", "suite.toml", "--out", "out").code == 0
    return folder


@pytest.fixture
def unrecorded(done: Path, tmp_path: Path) -> Path:
    """The test's own folder with the suite and its matrix, whose run has lost its record."""
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)
    (only(tmp_path / "out") / "record.json").unlink()
    return tmp_path


def test_a_run_folder_of_another_spec_is_not_taken_over(ganbench: Command, unrecorded: Path, tree: Any) -> None:
    folder = only(unrecorded / "out")
    spec = json.loads((folder / "spec.json").read_text())
    (folder / "spec.json").write_text(json.dumps({**spec, "seed": 7}))
    before = tree(unrecorded)
    assert "belongs to another run" in ganbench("run", "suite.toml", "--out", "out").one_line()
    assert tree(unrecorded) == before


@pytest.mark.parametrize("name", ["manifest.json", "spec.json"])
@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_a_damaged_file_of_ganbench_is_named_in_one_line(ganbench: Command, unrecorded: Path, name: str, text: str) -> None:
    path = (unrecorded / "out" if name == "manifest.json" else only(unrecorded / "out")) / name
    path.write_text(text)
    line = ganbench("run", "suite.toml", "--out", "out").one_line()
    assert name in line and "damaged" in line


def test_a_file_in_the_place_of_the_runs_is_one_line(ganbench: Command, suite: Suite, tmp_path: Path, tree: Any) -> None:
    suite()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "runs").touch()
    before = tree(tmp_path)
    assert "runs" in ganbench("run", "suite.toml", "--out", "out").one_line()
    assert tree(tmp_path) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_among_the_images_is_named_and_does_not_hang(ganbench: Command, suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    os.mkfifo(tmp_path / "mine" / "x.png")
    suite(datasets='["mine"]', head='[datasets.mine]\npath = "mine"\n', evaluation=IMAGES)
    assert "x.png" in ganbench("plan", "suite.toml").one_line()


def test_images_that_an_extractor_cannot_see_are_one_line(ganbench: Command, suite: Suite, tmp_path: Path) -> None:
    np.savez(tmp_path / "small.npz", images=np.random.default_rng(0).integers(0, 255, (40, 4, 4), dtype=np.uint8))
    head = '[datasets.mine]\npath = "small.npz"\n'
    suite(datasets='["mine"]', head=head, evaluation=IMAGES, training="{ batch_size = 8 }")
    assert "random-conv" in ganbench("run", "suite.toml", "--out", "out").one_line()


@pytest.mark.parametrize(
    "matrix",
    [
        '[matrix]\nvariants = ["gan"]',
        "matrix = 5",
        '[[matrix]]\nvariants = ["gan"]\n[[matrix]]\nseeds = [0]',
        '[[matrix]]\nvariants = 5\ndatasets = ["ring8"]',
    ],
)
@pytest.mark.parametrize("setting", ["budget_images=64", "config.gan.latent_dim=2"])
def test_settings_on_a_suite_of_the_wrong_form_are_one_line(ganbench: Command, tmp_path: Path, matrix: str, setting: str) -> None:
    (tmp_path / "suite.toml").write_text(f'name = "x"\n{matrix}\n')
    assert "matrix" in ganbench("plan", "suite.toml", "--set", setting).one_line()


def test_a_setting_reaches_a_method_from_a_file(ganbench: Command, suite: Suite, methods: Path) -> None:
    suite(variants=f'["{methods}:Healthy"]')
    plain, changed = (
        json.loads(ganbench("plan", "suite.toml", "--json", *more).out)["cells"][0]["run_id"]
        for more in ([], ["--set", f"config.{methods}:Healthy.learning_rate=0.5"])
    )
    assert plain != changed


@pytest.mark.parametrize("option", [("--set", "seeds=[1]"), ("--workers", "2"), ("--retry-failed",)])
def test_options_of_a_suite_are_refused_beside_a_spec(ganbench: Command, option: tuple[str, ...]) -> None:
    assert "--spec runs one cell" in ganbench("run", "--spec", "spec.json", "--out", "out", *option).one_line()


def test_points_that_fly_off_end_a_run_as_diverged_and_are_recorded(ganbench: Command, suite: Suite, tmp_path: Path, methods: Path) -> None:
    far = methods.read_text()
    far += '''

class Far(Healthy):
    """Points near 5e25, whose kernel distance overflows float64."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        latent_dim: int = 2
        learning_rate: float = 0.0

    def generate(self, latents, labels=None):
        return 5e25 * self.generator(latents)
'''
    (tmp_path / "far.py").write_text(far)
    suite(variants='["far.py:Far", "far.py:Healthy"]', evaluation='{ extractor = "identity", metrics = ["kd"], n_fake = 64, n_real = 64 }')
    assert ganbench("run", "suite.toml", "--out", "out").code == 0
    records = [json.loads(path.read_text()) for path in (tmp_path / "out").rglob("record.json")]
    assert {record["spec"]["variant"]["name"]: record["status"] for record in records} == {
        "far.py:Far": "diverged",
        "far.py:Healthy": "done",
    }


def test_a_module_beside_the_suite_does_not_stand_in_for_pythons(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "statistics.py").write_text("raise RuntimeError('the wrong module')\n")
    suite()
    command = [sys.executable, "-P", "-m", "ganbench", "run", "suite.toml", "--out", "out"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120).returncode == 0
