import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganbench.data.dataset import Dataset, DataShape, Split
from ganbench.diagnostics.networks import probe
from ganbench.plan.spec import DatasetSpec
from ganbench.registry import VARIANTS
from ganbench.training.variant import Variant

CPU = torch.device("cpu")


class Flat(Variant):
    """A generator of the points z, and a discriminator w x + b."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        latent_dim: int = 2

    def __init__(self, w: tuple[float, float], b: float) -> None:
        super().__init__(self.Config(), DataShape(size=(2,)))
        self.generator, self.discriminator = nn.Linear(2, 2, bias=False), nn.Linear(2, 1)
        with torch.no_grad():
            self.generator.weight.copy_(torch.eye(2))
            self.discriminator.weight.copy_(torch.tensor([w]))
            self.discriminator.bias.fill_(b)

    def optimizers(self) -> dict[str, Any]:
        return {}

    def discriminator_step(self, real: Any, ctx: Any) -> Any:
        return {}

    def generator_step(self, ctx: Any) -> Any:
        return {}


def points(train: float, held_out: float) -> Dataset:
    """All training points at (train, 0), all held-out ones at (held_out, 0)."""

    def split(level: float) -> Split:
        return Split(examples=np.tile(np.array([[level, 0.0]], np.float32), (300, 1)), labels=None)

    return Dataset(name="points", shape=DataShape(size=(2,)), train=split(train), held_out=split(held_out), fingerprint="0")


def test_a_linear_discriminator_in_closed_form() -> None:
    """D(x) = 3 x_1 + 4 x_2 - 1: slope 5 everywhere, which also is its Lipschitz constant; the values follow from the points."""
    found = probe(Flat((3.0, 4.0), -1.0), points(2.0, 1.0), 0, CPU)
    assert found["value/train"] == pytest.approx(5)
    assert found["value/held_out"] == pytest.approx(2)
    assert found["value/fake"] == pytest.approx(-1, abs=4 * 5 / math.sqrt(256))  # mean of w z + b over 256 normal z
    assert (found["real/train"], found["real/held_out"]) == (1, 1)
    assert found["slope/mean"] == found["slope/max"] == pytest.approx(5)
    assert 4.5 < found["lipschitz"] <= 5 + 1e-6
    assert found["r_v"] == pytest.approx(3 / (5 - found["value/fake"]), rel=1e-5)


@pytest.mark.parametrize(("held_out", "r_v"), [(2.0, 0.0), (0.0, 1.0)])
def test_r_v_is_0_without_and_1_with_complete_overfitting(held_out: float, r_v: float) -> None:
    """Karras et al. 2020, eq. 1: held-out values equal those of training, or of generated examples (mean 0 here)."""
    assert probe(Flat((3.0, 0.0), 0.0), points(2.0, held_out), 0, CPU)["r_v"] == pytest.approx(r_v, abs=0.1)


def test_a_dead_discriminator_has_no_r_v_and_no_steepness() -> None:
    found = probe(Flat((0.0, 0.0), 0.0), points(2.0, 1.0), 0, CPU)
    assert "r_v" not in found
    assert found["value_sd"] == found["slope/max"] == found["lipschitz"] == 0
    assert found["real/train"] == 0


def test_spectra_of_known_matrices() -> None:
    method = Flat((1.0, 0.0), 0.0)
    method.generator = nn.Linear(3, 3, bias=False)
    method.config = Flat.Config(latent_dim=3)
    method.generate = lambda latents, labels=None: latents[:, :2]  # type: ignore[method-assign]
    rotation = torch.linalg.qr(torch.tensor(np.random.default_rng(0).normal(size=(3, 3)))).Q.float()
    with torch.no_grad():
        method.generator.weight.copy_(rotation @ torch.diag(torch.tensor([4.0, 2.0, 1.0])) @ rotation.T)
    found = probe(method, points(1.0, 1.0), 0, CPU)
    shares = np.array([16, 4, 1]) / 21
    assert found["sigma/generator"] == pytest.approx(4, rel=1e-5)
    assert found["sigma_ratio/generator"] == pytest.approx(2, rel=1e-5)
    assert found["rank/generator"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()) / 3, rel=1e-5)
    with torch.no_grad():
        method.generator.weight.copy_(torch.eye(3))
    assert probe(method, points(1.0, 1.0), 0, CPU)["rank/generator"] == pytest.approx(1)
    assert "sigma/discriminator" not in found  # one row has one singular value, and no ratio


@pytest.mark.parametrize("name", VARIANTS.names())
def test_every_method_can_be_asked_and_is_left_as_it_was(
    name: str, tiny_spec: Callable[..., Any], tiny_trainer: Callable[..., Any], tiny_data: Callable[[DatasetSpec], Dataset]
) -> None:
    """Weights, buffers, modes and the global generator are the same before and after; a second probe says the same."""
    images = DatasetSpec(name="digits")
    spec = tiny_spec(name, images)
    trainer, data = tiny_trainer(spec), tiny_data(images)
    trainer.advance(2)
    variant = trainer.variant
    shares = torch.from_numpy(data.class_shares).float()
    before = copy.deepcopy(variant.state_dict())
    modes = [module.training for module in variant.modules()]
    state = torch.get_rng_state()
    found = probe(variant, data, 0, CPU, shares)
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in variant.modules()] == modes
    assert all(torch.equal(value, before[key]) for key, value in variant.state_dict().items())
    assert probe(variant, data, 0, CPU, shares) == found
    assert {"value/train", "value/held_out", "value/fake", "slope/mean", "rank/generator", "sigma/discriminator"} <= found.keys()
    assert all(isinstance(value, float) and math.isfinite(value) for value in found.values())


def test_gradients_of_a_training_are_not_touched() -> None:
    method = Flat((3.0, 4.0), 0.0)
    value: Tensor = method.discriminator(torch.ones(1, 2)).sum()
    value.backward()
    before = method.discriminator.weight.grad.clone()  # type: ignore[union-attr]
    probe(method, points(1.0, 1.0), 0, CPU)
    assert torch.equal(method.discriminator.weight.grad, before)  # type: ignore[arg-type]
