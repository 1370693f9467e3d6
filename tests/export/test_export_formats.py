"""Does a generator that left the suite come back and give the same examples, in every format?"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import nn

from ganbench.errors import DataError, RequestError
from ganbench.evaluation.score import score
from ganbench.export.formats import FORMATS, check_target
from ganbench.export.generator import export_generator, passport_of
from ganbench.pipeline.cell import run_cell
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.sampling import CHUNK
from ganbench.sources import programs
from ganbench.sources.generated import DrawnSource
from ganbench.sources.opening import Opening, open_source
from ganbench.sources.passport import read_passport
from ganbench.sources.programs import ProgramSource
from ganbench.sources.runs import RunSource

CPU = torch.device("cpu")
N = CHUNK + 5
METHODS = ("dcgan", "wgan_gp", "acgan", "biggan", "stylegan2", "progressive_gan", "gan")
"""Convolutions, plain; with labels, small and large; with styles; a network that grows; on points."""
LABELLED = ("acgan", "biggan")
SLOW = {*(("onnx", name) for name in METHODS if name not in ("dcgan", "acgan", "gan")), ("torch.export", "biggan")}
"""What tracers take many seconds for."""
CASES = [(name, chosen) for name in METHODS for chosen in FORMATS if (chosen, name) not in SLOW]
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning", "ignore:.*torch.jit.*:DeprecationWarning")


@pytest.fixture(scope="module")
def runs(tiny_spec: Callable[..., RunSpec], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a few steps of every method: on 8x8 digits, the GAN on points."""
    folder = tmp_path_factory.mktemp("runs")
    for name in METHODS:
        spec = tiny_spec(name, DatasetSpec(name="ring8")) if name == "gan" else tiny_spec(name)
        growing = {"budget_images": 16 * 16} if name == "progressive_gan" else {"budget_images": 64}
        assert run_cell(replace(spec, **growing), folder / name, Runtime(device="cpu")).error is None
    return folder


def of_run(folder: Path, weights: Any = "ema") -> RunSource:
    return RunSource(str(folder), folder, weights, N, None, folder, CPU)


def back(path: Path, **how: Any) -> DrawnSource:
    opened = open_source(str(path), Opening(root=path.parent, device=CPU, n=N, trust=True, **how))
    assert isinstance(opened, DrawnSource)
    return opened


def exported(source: RunSource, name: str, folder: Path) -> Path:
    out = folder / f"generator{FORMATS[name].endings[0]}"
    export_generator(source, FORMATS[name], out)
    assert [path.name for path in folder.iterdir()] == [out.name]
    return out


@pytest.mark.parametrize(("name", "chosen"), CASES)
def test_the_file_gives_the_examples_and_labels_that_the_run_scored(name: str, chosen: str, runs: Path, tmp_path: Path) -> None:
    source = of_run(runs / name)
    again = back(exported(source, chosen, tmp_path))
    wanted, given = source.at(range(N)), again.at(range(N))
    assert given.shape == wanted.shape and given.dtype == wanted.dtype
    assert wanted.float().std() > 0
    if chosen == "onnx":  # another engine, which sums in another order: one level, or rounding of float32
        assert (given.double() - wanted.double()).abs().max() <= (1 if wanted.dtype == torch.uint8 else 1e-5)
    else:
        assert torch.equal(given, wanted)
    assert again.notes == []
    assert (again.labels is None) == (source.labels is None)
    if source.labels is not None:
        assert name in LABELLED
        assert again.labels is not None and torch.equal(again.labels, source.labels)
        assert again.classes == source.classes


def test_a_network_that_grew_is_exported_as_grown(runs: Path) -> None:
    source = of_run(runs / "progressive_gan")
    level, alpha = source.variant.generator.reached()  # type: ignore[operator]
    assert level > 0 and alpha > 0  # else the test above would see the first stage alone


@pytest.mark.parametrize("chosen", ["safetensors", "torchscript"])
def test_raw_weights_are_others(chosen: str, runs: Path, tmp_path: Path) -> None:
    raw = back(exported(of_run(runs / "dcgan", "raw"), chosen, tmp_path))
    assert torch.equal(raw.at(range(8)), of_run(runs / "dcgan", "raw").at(range(8)))
    assert not torch.equal(raw.at(range(8)), of_run(runs / "dcgan").at(range(8)))


@pytest.mark.parametrize("chosen", ["safetensors", "torchscript"])
def test_another_seed_is_that_of_the_request(chosen: str, runs: Path, tmp_path: Path) -> None:
    path = exported(of_run(runs / "dcgan"), chosen, tmp_path)
    wanted = RunSource("run", runs / "dcgan", "ema", N, 7, runs, CPU)
    assert torch.equal(back(path, seed=7).at(range(8)), wanted.at(range(8)))
    assert not torch.equal(back(path).at(range(8)), wanted.at(range(8)))


@pytest.mark.parametrize("chosen", ["safetensors", "torchscript"])
def test_scores_are_those_of_the_run(chosen: str, runs: Path, tmp_path: Path) -> None:
    path = exported(of_run(runs / "acgan"), chosen, tmp_path)
    how: dict[str, Any] = {"extractor": "digits-probe", "n": 200, "use_cache": False, "device": "cpu", "trust": True}
    mine, theirs = (score(str(one), "digits:train", ["fd", "gan_test"], **how) for one in (path, runs / "acgan"))
    assert [one.value for one in mine.scores] == [one.value for one in theirs.scores]
    assert len(mine.scores) == 2


def test_images_along_a_path_are_the_runs(runs: Path, tmp_path: Path) -> None:
    source = of_run(runs / "acgan")
    latents, found = torch.randn(6, source.variant.config.latent_dim), []
    for one in (source, back(exported(source, "torchscript", tmp_path))):
        assert one.generator is not None
        found.append(one.generator.images(latents, styles=False))
    assert found[0].is_floating_point() and torch.equal(found[0], found[1])


def test_the_file_says_what_it_is(runs: Path, tmp_path: Path) -> None:
    source = of_run(runs / "acgan")
    path = exported(source, "safetensors", tmp_path)
    with safe_open(path, framework="pt") as file:
        said = read_passport(file.metadata()["ganbench"], "")
    assert said == passport_of(source)
    assert said is not None
    assert (said.latent_dim, said.size, said.value_range) == (source.variant.config.latent_dim, (1, 8, 8), (-1.0, 1.0))
    assert said.takes_labels and said.classes == 10 and abs(sum(said.class_shares) - 1) < 1e-6
    assert (said.run_id, said.images_seen, said.weights) == (source.run_id, 64, "ema")


class Branching(nn.Module):
    """What it gives depends on the values of its latents in a way that no tracer can follow."""

    def __init__(self, own: nn.Module) -> None:
        super().__init__()
        self.own = own

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.own(latents)
        return -images if float(latents.sum()) != 0 else images


@pytest.mark.parametrize("chosen", ["torchscript", "torch.export", "onnx"])
def test_what_a_format_cannot_hold_is_refused_in_one_line_that_names_the_others(chosen: str, runs: Path, tmp_path: Path) -> None:
    source = of_run(runs / "dcgan")
    source.variant.generator = Branching(source.variant.generator)
    with pytest.raises(RequestError) as said:
        export_generator(source, FORMATS[chosen], tmp_path / "generator.x")
    message = str(said.value)
    assert "dcgan cannot be exported as" in message and "safetensors" in message
    assert len(message.splitlines()) == 1 and "\x1b" not in message
    assert list(tmp_path.iterdir()) == []


def test_programs_are_asked_for_leave_and_weights_are_not(runs: Path, tmp_path: Path) -> None:
    path = exported(of_run(runs / "gan"), "torchscript", tmp_path)
    with pytest.raises(RequestError, match="add --trust"):
        open_source(str(path), Opening(root=tmp_path, device=CPU))
    path.unlink()
    path = exported(of_run(runs / "gan"), "safetensors", tmp_path)
    assert len(open_source(str(path), Opening(root=tmp_path, device=CPU, n=3))) == 3


def test_a_program_that_another_device_cannot_run_runs_on_the_cpu(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = exported(of_run(runs / "gan"), "torch.export", tmp_path), programs._settled

    def settled(program: Any, latent_dim: Any, path: Path, name: str, device: torch.device) -> Any:
        if device.type != "cpu":
            raise DataError("Expected all tensors to be on the same device")
        return real(program, latent_dim, path, name, device)

    monkeypatch.setattr(programs, "_settled", settled)
    source = ProgramSource("generator", path, None, N, None, torch.device("meta"), trust=True)
    assert source.device == CPU and "generator: runs on the CPU, where it was traced" in source.remarks
    assert torch.equal(source.at(range(N)), of_run(runs / "gan").at(range(N)))


def test_a_program_takes_batches_of_any_size(runs: Path, tmp_path: Path) -> None:
    again = back(exported(of_run(runs / "stylegan2"), "torch.export", tmp_path))
    assert isinstance(again, ProgramSource) and again.call.batch is None
    latents = torch.randn(7, again.call.latent_shape[0])
    together, alone = again.call(latents), torch.cat([again.call(latents[i : i + 1]) for i in range(7)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_a_missing_package_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ganbench.packages.find_spec", lambda module: None)
    with pytest.raises(RequestError, match=r"needs the package onnx, .*; pip install 'ganbench\[onnx\]'"):
        check_target("onnx", tmp_path / "a.onnx")
    assert check_target("safetensors", tmp_path / "a.safetensors").data
