"""Does LeCam's regulariser start, average and anchor as in the paper and its authors' code?"""

import tomllib
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from small_runs import build, trainer
from torch import Tensor, nn

from baselines.biggan import BigGAN
from baselines.blocks import spectral
from baselines.lecam_gan import LeCamGAN
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Variant

SMALL: dict[str, Any] = {"latent_dim": 8, "generator_width": 2, "discriminator_width": 2, "embedding_dim": 4}


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def penalties(variant: Variant, step: int, real: list[float], fake: list[float]) -> dict[str, tuple[float, Tensor]]:
    context: Any = SimpleNamespace(mean=lambda tensor: tensor, scheduled=lambda number: number(SimpleNamespace(step=step)))
    assert isinstance(variant, LeCamGAN)
    return variant.penalties(torch.tensor(real), torch.tensor(fake), context)


def averages(variant: Variant) -> list[float]:
    assert isinstance(variant, LeCamGAN)
    return variant.averages.tolist()


def test_the_defaults_are_those_of_the_authors_scripts_and_the_papers_decay() -> None:
    config = LeCamGAN.Config()
    # google/lecam-gan: biggan_cifar/scripts/lc-biggan-cifar10.sh (--LC 0.3), train.py (start_itr=1000), losses.py (relu); 0.99: the paper
    assert (config.lecam_weight, config.lecam_start, config.lecam_decay, config.lecam_one_sided) == (0.3, 1000, 0.99, True)
    kept = {name: value for name, value in vars(config).items() if not name.startswith("lecam")}
    assert kept == vars(BigGAN.Config())


def test_before_the_start_the_averages_are_the_last_batchs_means_and_nothing_is_penalised() -> None:
    variant = build(LeCamGAN, classes=3, **SMALL, critic_steps=2, lecam_start=2)
    for step, level in enumerate((4.0, -7.0, 1.0, 3.0)):  # two generator steps
        assert penalties(variant, step, [level, level + 2], [-level, -level]) == {}
        assert averages(variant) == pytest.approx([level + 1, -level])


@pytest.mark.parametrize("one_sided", [True, False])
def test_from_the_start_on_values_are_anchored_at_averages_that_contain_them(one_sided: bool) -> None:
    variant = build(LeCamGAN, classes=3, **SMALL, critic_steps=2, lecam_start=2, lecam_one_sided=one_sided)
    penalties(variant, 3, [2.0, 2.0], [-1.0, -1.0])
    (weight, penalty) = penalties(variant, 4, [1.0, -3.0], [0.0, 4.0])["lecam"]
    real, fake = 0.99 * 2 + 0.01 * -1, 0.99 * -1 + 0.01 * 2
    assert averages(variant) == pytest.approx([real, fake])
    sided = [(1 - fake) ** 2, 0.0, (real - 0) ** 2, 0.0] if one_sided else [(1 - fake) ** 2, (-3 - fake) ** 2, real**2, (4 - real) ** 2]
    assert weight == 0.3 and penalty.item() == pytest.approx(sum(sided) / 2, rel=1e-6)


def test_averages_that_start_at_once_remember_no_zero() -> None:
    variant = build(LeCamGAN, classes=3, **SMALL, lecam_start=0)
    (_, penalty) = penalties(variant, 0, [2.0], [-1.0])["lecam"]
    assert averages(variant) == [2.0, -1.0] and penalty.item() == pytest.approx((2 + 1) ** 2 + (2 + 1) ** 2)


def test_the_averages_get_no_gradient_and_the_values_do() -> None:
    variant = build(LeCamGAN, classes=3, **SMALL, lecam_start=0)
    context: Any = SimpleNamespace(mean=lambda tensor: tensor, scheduled=lambda number: number(SimpleNamespace(step=0)))
    real, fake = torch.tensor([2.0, 4.0], requires_grad=True), torch.tensor([-1.0, -1.0], requires_grad=True)
    assert isinstance(variant, LeCamGAN)
    variant.penalties(real, fake, context)["lecam"][1].backward()
    # d/dx mean((x - a_F)^2) = 2 (x - a_F) / n with a_F = -1; d/dx mean((a_R - x)^2) = -2 (a_R - x) / n with a_R = 3
    assert real.grad is not None and real.grad.tolist() == [3.0, 5.0]
    assert fake.grad is not None and fake.grad.tolist() == [-4.0, -4.0]


def test_until_the_penalty_starts_it_is_biggan_bit_for_bit() -> None:
    plain, anchored, late = (
        trainer(cls, classes=3, **SMALL, **settings)
        for cls, settings in ((BigGAN, {}), (LeCamGAN, {"lecam_start": 0}), (LeCamGAN, {"lecam_start": 2}))
    )
    for training in (plain, anchored, late):
        training.advance(4)
    weights = [dict(training.variant.named_parameters()) for training in (plain, anchored, late)]
    assert all(torch.equal(value, weights[2][key]) for key, value in weights[0].items())
    assert not all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    for training in (plain, late):
        training.advance(2)
    assert not all(torch.equal(value, weights[2][key]) for key, value in weights[0].items())


def test_at_32_pixels_the_preset_is_the_published_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "FIRST_ITERATIONS", 1)  # a form alone has no singular values
    presets = tomllib.loads(files("baselines.presets").joinpath("cifar.toml").read_text())["config"]
    assert presets["lecam_gan"] == presets["biggan"]  # CIFAR10/BigGAN-LeCam.yaml has the same networks and rates as BigGAN.yaml
    with torch.device("meta"):
        variant = LeCamGAN(LeCamGAN.Config(**presets["lecam_gan"]), DataShape(size=(3, 32, 32), classes=10))
    # as counted for BigGAN: PyTorch-StudioGAN's log of CIFAR10/BigGAN, 2021-01-15
    assert [parameters(network) for network in (variant.generator, variant.discriminator)] == [9_416_196, 2_415_170]
