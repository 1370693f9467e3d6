"""Do ``generate`` and ``latents`` write what a run's generator makes, and refuse on one line what it cannot?"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from ganbench import seeding
from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.sampling import observed, to_uint8
from ganbench.sources.runs import RunSource

Command = Callable[..., Any]


def read(folder: Path, n: int) -> npt.NDArray[np.uint8]:
    """The first images of a folder."""
    images = []
    for index in range(n):
        with Image.open(folder / f"{index:06d}.png") as image:
            images.append(np.asarray(image))
    return np.stack(images)


NAMES = ("dcgan", "projection_gan", "stylegan2", "gan")


@pytest.fixture(scope="module")
def runs(tiny_spec: Callable[..., RunSpec], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a few steps: three on 8x8 digits, one on points."""
    folder = tmp_path_factory.mktemp("runs")
    for name in NAMES:
        spec = tiny_spec(name, DatasetSpec(name="ring8")) if name == "gan" else tiny_spec(name)
        assert run_cell(replace(spec, budget_images=64), folder / name, Runtime(device="cpu")).error is None
    return folder


def test_the_first_images_are_those_that_the_run_scored(ganbench: Command, runs: Path, tmp_path: Path) -> None:
    result = ganbench("generate", str(runs / "dcgan"), "--out", "images", "--n", "70", "--device", "cpu")
    assert result.code == 0, result.err
    assert "70 examples in images" in result.err
    files = sorted((tmp_path / "images").iterdir())
    assert [file.name for file in files] == [f"{index:06d}.png" for index in range(70)]
    with Image.open(runs / "dcgan" / "samples" / "0000000064-ema.png") as image:
        kept = np.asarray(image)
    images = read(tmp_path / "images", 10)
    assert (images[0] == kept[:8, :8]).all()
    assert (images[9] == kept[9 : 9 + 8, 9 : 9 + 8]).all()  # 8 in a row, a line of one pixel between


def test_other_weights_and_seeds_give_other_images(ganbench: Command, runs: Path, tmp_path: Path) -> None:
    for name, run, options in (("a", "dcgan", []), ("raw", "dcgan:raw", []), ("seed", "dcgan:ema", ["--seed", "5"])):
        assert ganbench("generate", f"{runs}/{run}", "--out", name, "--n", "4", "--device", "cpu", *options).code == 0
    images = {name: read(tmp_path / name, 4) for name in ("a", "raw", "seed")}
    assert (images["a"] != images["raw"]).any() and (images["a"] != images["seed"]).any()


def test_classes_are_drawn_on_request(ganbench: Command, runs: Path, tmp_path: Path) -> None:
    for classes in ("3", "7"):
        result = ganbench("generate", str(runs / "projection_gan"), "--out", classes, "--n", "6", "--classes", classes, "--device", "cpu")
        assert result.code == 0, result.err
    assert (read(tmp_path / "3", 6) != read(tmp_path / "7", 6)).any()


def test_truncation_draws_images_together(ganbench: Command, runs: Path, tmp_path: Path) -> None:
    for psi in ("0.1", "1"):
        assert ganbench("generate", str(runs / "stylegan2"), "--out", psi, "--n", "32", "--truncation", psi, "--device", "cpu").code == 0
    near, far = (read(tmp_path / psi, 32).astype(float) for psi in ("0.1", "1"))
    assert near.std(0).mean() < far.std(0).mean()


def test_points_are_written_as_they_are(ganbench: Command, runs: Path, tmp_path: Path) -> None:
    assert ganbench("generate", str(runs / "gan"), "--out", "points", "--n", "300", "--device", "cpu").code == 0
    assert [file.name for file in (tmp_path / "points").iterdir()] == ["points.npy"]
    assert np.load(tmp_path / "points" / "points.npy").shape == (300, 2)


def test_latents_writes_figures_and_what_was_measured(ganbench: Command, runs: Path, tmp_path: Path) -> None:
    result = ganbench("latents", str(runs / "stylegan2"), "--out", "atlas", "--rows", "3", "--columns", "4", "--device", "cpu")
    assert result.code == 0, result.err
    measured = json.loads((tmp_path / "atlas" / "latents.json").read_text())
    assert {file.stem for file in (tmp_path / "atlas").glob("*.png")} == measured.keys()
    assert measured["interpolation-styles"]["jump"] >= 1
    assert 1 <= measured["directions"]["effective_rank"] <= measured["directions"]["dimensions"] == 8
    with Image.open(tmp_path / "atlas" / "interpolation-latents.png") as figure:
        assert figure.width >= 4 * 64 and figure.height >= 3 * 64, "images of 8 pixels are enlarged until one can see them"
    again = ganbench("latents", str(runs / "stylegan2"), "--out", "atlas", "--device", "cpu")
    assert again.code == 2 and "holds directions.png already" in again.err and again.err.count("\n") == 1
    one = ganbench("latents", str(runs / "stylegan2"), "--out", "one", "--rows", "1", "--device", "cpu")
    assert one.code == 0 and "nan" not in one.err.lower(), one.err
    json.loads((tmp_path / "one" / "latents.json").read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["generate", "dcgan", "--truncation", "0.5"], "DCGAN defines no truncation"),
        (["generate", "stylegan2", "--truncation", "-1"], "must be above 0"),
        (["generate", "dcgan", "--classes", "3"], "DCGAN as trained here draws no class on request"),
        (["generate", "projection_gan", "--classes", "3,x"], "there is no class 'x'; known: 0, 1, 2"),
        (["generate", "gan", "--classes", "3"], "the run's data set has no labels"),
        (["generate", "stylegan2", "--truncation", "nan"], "must be above 0"),
        (["generate", "nowhere"], "is no run directory"),
        (["generate", "dcgan:best"], "is no run directory"),
        (["latents", "gan"], "need images, and this run makes 2-D points"),
        (["latents", "nowhere"], "is no run directory"),
    ],
)
def test_what_cannot_be_drawn_is_refused_on_one_line(ganbench: Command, runs: Path, arguments: list[str], words: str) -> None:
    verb, run, *options = arguments
    result = ganbench(verb, str(runs / run), "--out", "out", "--device", "cpu", *options)
    assert result.code == 2 and words in result.err
    assert "Traceback" not in result.err and result.err.count("\n") == 1
    assert not Path("out").exists(), "what is refused leaves nothing behind"


def test_examples_are_never_written_over_or_among_others(ganbench: Command, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "000000.png").write_bytes(b"a user's own")
    result = ganbench("generate", str(runs / "dcgan"), "--out", "mine", "--n", "2", "--device", "cpu")
    assert result.code == 2 and "holds 000000.png already" in result.err and result.err.count("\n") == 1
    assert (tmp_path / "mine" / "000000.png").read_bytes() == b"a user's own"


def test_a_spec_that_is_none_is_refused_on_one_line(ganbench: Command, tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "spec.json").write_text("[1]")
    for verb in ("generate", "latents"):
        result = ganbench(verb, "odd", "--out", "out", "--device", "cpu")
        assert result.code == 2 and "holds no JSON object; give the spec.json of a run" in result.err and result.err.count("\n") == 1


def test_the_labels_of_a_conditional_runs_examples_are_known_and_others_have_none(runs: Path) -> None:
    cpu = torch.device("cpu")
    source = RunSource("run", runs / "projection_gan", "ema", 300, None, Path(), cpu)
    assert source.labels is not None and source.labels.shape == (300,)
    by_class = [source.at([index]) for index in range(300) if source.labels[index] == 3]
    latents = torch.randn(256, 8, generator=seeding.stream(0, "eval-latents", 0))
    first = int((source.labels == 3).nonzero()[0])
    with observed(source.variant) as ready:
        expected = to_uint8(ready.generate(latents, torch.full((256,), 3)))[first]
    assert (by_class[0][0].int() - expected.int()).abs().max() <= 1
    assert RunSource("run", runs / "dcgan", "ema", 300, None, Path(), cpu).labels is None
