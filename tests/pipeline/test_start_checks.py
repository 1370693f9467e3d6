"""Is a method that generates other examples than the data's refused before it is trained?"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from baselines.gan import GAN
from ganbench.errors import RequestError
from ganbench.pipeline.cell import run_cell
from ganbench.pipeline.check import check
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.sources.runs import RunSource

IMAGES, POINTS = DatasetSpec(name="digits", resolution=8), DatasetSpec(name="ring8")


class Shaped(nn.Module):
    """Stands in for the generator and returns what it is told."""

    def __init__(self, answer: Callable[[int], Any]) -> None:
        super().__init__()
        self.answer = answer
        self.weight = nn.Parameter(torch.zeros(3))

    def forward(self, latents: Tensor) -> Any:
        return self.answer(len(latents))


WRONG: dict[str, tuple[DatasetSpec, Callable[[int], Any], str]] = {
    "twice as wide": (IMAGES, lambda n: torch.zeros(n, 1, 4, 16), "generates examples of 1x4x16, and those of digits are 1x8x8"),
    "three channels": (IMAGES, lambda n: torch.zeros(n, 3, 8, 8), "generates examples of 3x8x8"),
    "channels last": (IMAGES, lambda n: torch.zeros(n, 8, 8, 1), "generates examples of 8x8x1"),
    "flat": (IMAGES, lambda n: torch.zeros(n, 64), "generates examples of 64"),
    "one image": (IMAGES, lambda n: torch.zeros(1, 1, 8, 8), "examples of 1x8x8, 1 for 2 latents"),
    "bytes": (IMAGES, lambda n: torch.zeros(n, 1, 8, 8, dtype=torch.uint8), "generate returns torch.uint8; give floating-point"),
    "complex": (IMAGES, lambda n: torch.zeros(n, 1, 8, 8, dtype=torch.complex64), "generate returns torch.complex64"),
    "numpy": (IMAGES, lambda n: torch.zeros(n, 1, 8, 8).numpy(), "generate returns ndarray, not a tensor"),
    "a pair": (IMAGES, lambda n: (torch.zeros(n, 1, 8, 8), None), "generate returns tuple, not a tensor"),
    "three coordinates": (POINTS, lambda n: torch.zeros(n, 3), "generates examples of 3, and those of ring8 are 2"),
    "no axis": (POINTS, lambda n: torch.zeros(n), "generates examples of single numbers"),
    "one number": (POINTS, lambda n: torch.zeros(()), "single numbers, 0 for 2 latents"),
}


@pytest.mark.parametrize("name", WRONG)
def test_other_examples_than_the_datas_are_refused_in_one_line(
    tiny_spec: Callable[..., RunSpec], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    dataset, answer, words = WRONG[name]
    real = GAN.__init__

    def changed(self: GAN, *arguments: Any) -> None:
        real(self, *arguments)
        self.generator = Shaped(answer)

    monkeypatch.setattr(GAN, "__init__", changed)
    with pytest.raises(RequestError) as told:
        check(tiny_spec("gan", dataset), Runtime(device="cpu"))
    assert words in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_any_floating_point_is_taken(tiny_spec: Callable[..., RunSpec], monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    real = GAN.generate
    monkeypatch.setattr(GAN, "generate", lambda self, latents, labels=None: real(self, latents, labels).to(dtype))
    assert check(tiny_spec("gan", IMAGES), Runtime(device="cpu")) > 0


def test_the_size_of_a_checkpoint_is_foretold(tiny_spec: Callable[..., RunSpec], tmp_path: Path) -> None:
    """Weights, the average's, and Adam's two moments, in float32; the files add headers and the optimizers' options."""
    spec = tiny_spec("dcgan", IMAGES, config={"generator_width": 64, "discriminator_width": 64})
    foretold = check(spec, Runtime(device="cpu"))
    run_cell(spec, tmp_path / "run", Runtime(device="cpu"))
    size = sum(file.stat().st_size for file in (tmp_path / "run" / "checkpoints").rglob("*") if file.is_file())
    assert foretold <= size <= 1.1 * foretold + 20_000


def test_a_run_that_was_planned_for_another_version_is_refused(tiny_spec: Callable[..., RunSpec]) -> None:
    spec = tiny_spec("gan", IMAGES)
    older = replace(spec, variant=replace(spec.variant, version=9))
    with pytest.raises(RequestError, match="planned for version 9 of gan, and version 1 is installed; run the suite again"):
        check(older, Runtime(device="cpu"))


def test_a_run_of_another_version_is_drawn_from_with_a_note(
    tiny_spec: Callable[..., RunSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cell(tiny_spec("gan", IMAGES), tmp_path / "run", Runtime(device="cpu"))
    monkeypatch.setattr("ganbench.plan.variant_config.installed_version", lambda name: 9)
    source = RunSource("mine", tmp_path / "run", "ema", 4, None, tmp_path, torch.device("cpu"))
    (note,) = source.notes
    assert note == "mine: trained by version 1 of gan, and version 9 is installed; the same weights may make other images in it"
