"""Are BigGAN's latents, class vectors, regularisation and truncation what the paper says?"""

import math
import tomllib
from importlib.resources import files
from typing import Any

import pytest
import torch
from small_runs import build, trainer, updates
from torch import nn
from torch.nn.utils import parametrize

from baselines.biggan import BigGAN, truncated
from baselines.blocks import spectral
from baselines.blocks.attention import SelfAttention
from baselines.blocks.conditional import ConditionalBatchNorm
from baselines.blocks.penalties import orthogonal_penalty
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


SMALL: dict[str, Any] = {"latent_dim": 8, "generator_width": 2, "discriminator_width": 2, "embedding_dim": 4}


def test_at_128_pixels_the_networks_have_the_papers_number_of_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "FIRST_ITERATIONS", 1)  # a form alone has no singular values
    # Brock et al. 2019, table 1: 158.3 million at ch. 96 with shared class vectors and hierarchical latents
    with torch.device("meta"):
        variant = BigGAN(BigGAN.Config(), DataShape(size=(3, 128, 128), classes=1000))
    found = [parameters(network) for network in (variant.generator, variant.discriminator)]
    assert sum(found) == pytest.approx(158.3e6, rel=0.001)
    # counted in ajbrock/BigGAN-PyTorch with --hier --G_shared --shared_dim 128 --dim_z 120, 96 channels and attention at 64
    assert found == [70_433_988, 87_982_370]


def test_at_32_pixels_the_preset_is_the_published_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "FIRST_ITERATIONS", 1)
    preset = tomllib.loads(files("baselines.presets").joinpath("cifar.toml").read_text())["config"]["biggan"]
    with torch.device("meta"):
        variant = BigGAN(BigGAN.Config(**preset), DataShape(size=(3, 32, 32), classes=10))
    # PyTorch-StudioGAN's log of CIFAR10/BigGAN, 2021-01-15: "Number of parameters" of the generator and of the discriminator
    assert [parameters(network) for network in (variant.generator, variant.discriminator)] == [9_416_196, 2_415_170]
    # its hyper-parameters, in the same log
    optimizers = variant.optimizers().values()
    assert all(optimizer.param_groups[0]["lr"] == 2e-4 and optimizer.param_groups[0]["betas"] == (0.5, 0.999) for optimizer in optimizers)
    assert variant.config.critic_steps == 5 and variant.config.orthogonal_weight == 0
    attending = [module for module in variant.modules() if isinstance(module, SelfAttention)]
    assert [block.query.in_channels for block in attending] == [384, 192]


def test_the_defaults_are_the_papers() -> None:
    # appendix C; two discriminator steps: section 3.1 and appendix C
    variant = build(BigGAN, classes=2)
    assert variant.config.latent_dim == 120 and variant.config.orthogonal_weight == 1e-4 and variant.config.critic_steps == 2
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in variant.optimizers().items()}
    assert rates == {"discriminator": 2e-4, "generator": 5e-5}
    assert all(optimizer.param_groups[0]["betas"] == (0.0, 0.999) for optimizer in variant.optimizers().values())


def test_two_discriminator_updates_go_before_one_of_the_generator() -> None:
    assert updates(trainer(BigGAN, classes=3, **SMALL), 4) == 2 * ["discriminator", "discriminator", "generator"]


def test_every_part_of_the_latent_reaches_its_block_and_no_other() -> None:
    generator = build(BigGAN, (1, 32, 32), 3, **{**SMALL, "latent_dim": 9}).eval().generator
    assert generator.parts == [3, 2, 2, 2]  # one part a block, what is left over to the linear layer
    norms = [module for module in generator.modules() if isinstance(module, ConditionalBatchNorm)]
    assert len(norms) == 6
    seen: dict[int, torch.Tensor] = {}
    for i, norm in enumerate(norms):
        norm.gain.register_forward_hook(lambda module, inputs, output, i=i: seen.update({i: inputs[0]}))
    generator.network.project.register_forward_hook(lambda module, inputs, output: seen.update({-1: inputs[0]}))  # type: ignore[union-attr]
    latents, labels = torch.arange(18.0).view(2, 9), torch.tensor([2, 0])
    generator(latents, labels)
    vectors = generator.embedding.weight[labels]  # type: ignore[union-attr, index]
    assert torch.equal(seen[-1], latents[:, :3])
    for i in range(6):
        start = 3 + 2 * (i // 2)
        assert torch.equal(seen[i], torch.cat([vectors, latents[:, start : start + 2]], 1))


def test_all_blocks_share_one_class_vector() -> None:
    generator = build(BigGAN, (1, 16, 16), 5, **SMALL).generator
    assert [tuple(module.weight.shape) for module in generator.modules() if isinstance(module, nn.Embedding)] == [(5, 4)]


def test_weights_start_orthogonal() -> None:
    variant = build(BigGAN, (1, 16, 16), 3, **SMALL)
    layers = [m for m in variant.modules() if parametrize.is_parametrized(m, "weight")]
    assert len(layers) > 20
    for layer in layers:
        weight = layer.parametrizations.weight.original.flatten(1)  # type: ignore[union-attr]
        products = weight @ weight.t() if len(weight) <= weight.shape[1] else weight.t() @ weight
        torch.testing.assert_close(products, torch.eye(len(products)), rtol=1e-4, atol=1e-5)


def test_the_orthogonal_penalty_counts_cosines_and_not_lengths() -> None:
    assert orthogonal_penalty([torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 5.0]])]).item() == 0
    assert orthogonal_penalty([torch.tensor([[0.0, 1.0], [0.0, 1.0]])]).item() == 2


@pytest.mark.parametrize("shape", [(3, 5), (5, 3)], ids=str)
def test_the_penaltys_gradient_is_the_equations_and_twice_that_of_biggan_pytorch(shape: tuple[int, int]) -> None:
    weight = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(orthogonal_penalty([weight]), weight)
    matrix = weight.detach()
    crossed = (matrix @ matrix.t()) * (1 - torch.eye(len(matrix), dtype=torch.float64))
    # d |A * (1 - I)|^2 = 2 <A * (1 - I), dA> with A = W W^T, dA = dW W^T + W dW^T
    torch.testing.assert_close(slope, 4 * crossed @ matrix)
    torch.testing.assert_close(slope, 2 * (2 * crossed @ matrix))  # in brackets: what its `ortho` adds, times the strength


def test_the_penalty_in_training_is_that_of_all_weights_but_the_class_vectors() -> None:
    training = trainer(BigGAN, classes=3, **SMALL)
    network = training.variant.generator
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    total = 0.0
    for name, parameter in network.named_parameters():
        if parameter.dim() > 1 and name != "embedding.weight":
            rows = parameter.detach().flatten(1).double()
            total += sum((rows[i].dot(rows[j]) ** 2).item() for i in range(len(rows)) for j in range(len(rows)) if i != j)
    logs = training.advance(2).logs
    assert logs["penalty/orthogonal"] == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("bound", [0.5, 1.0, 2.0])
def test_truncated_latents_keep_the_bound_and_have_the_truncated_laws_variance(bound: float) -> None:
    latents = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    inside = truncated(latents, bound)
    assert inside.dtype == torch.float32 and inside.abs().max() <= bound
    # variance of a standard normal cut off at +-t: 1 - 2 t phi(t) / (2 Phi(t) - 1)
    density, mass = math.exp(-(bound**2) / 2) / math.sqrt(2 * math.pi), math.erf(bound / math.sqrt(2))
    assert inside.var().item() == pytest.approx(1 - 2 * bound * density / mass, rel=0.01)
    assert torch.equal(inside.argsort(), latents.argsort()) or (inside[latents.argsort()].diff() >= 0).all()


def test_a_wide_bound_changes_nothing_and_extreme_latents_stay_finite() -> None:
    latents = torch.tensor([-9.0, -1.0, 0.0, 2.0, 40.0])
    torch.testing.assert_close(truncated(latents[1:4], 8.0), latents[1:4])
    inside = truncated(latents, 0.5)
    assert torch.isfinite(inside).all() and inside.abs().max() <= 0.5 and inside[2] == 0


def test_truncation_draws_images_closer_to_each_other() -> None:
    variant = build(BigGAN, (1, 16, 16), 3, **SMALL).eval()
    latents, labels = torch.randn(64, 8), torch.zeros(64, dtype=torch.int64)
    with torch.no_grad():
        spread = [variant.generate_truncated(latents, bound, labels).var(0).mean().item() for bound in (0.05, 0.5, 8.0)]
        whole = variant.generate(latents, labels).var(0).mean().item()
    assert spread[0] < spread[1] / 10 and spread[1] < spread[2]
    assert spread[2] == pytest.approx(whole, rel=1e-3)


def test_what_cannot_be_done_is_refused_in_one_line() -> None:
    with pytest.raises(RequestError, match="needs labels"):
        build(BigGAN, classes=0)
    with pytest.raises(RequestError, match="a latent_dim of at least 4"):
        build(BigGAN, (1, 32, 32), 3, **{**SMALL, "latent_dim": 3})
    variant = build(BigGAN, classes=3, **SMALL)
    with pytest.raises(RequestError, match="give one label for each"):
        variant.generate(torch.randn(2, 8))
    with pytest.raises(RequestError, match="a number above 0"):
        variant.generate_truncated(torch.randn(2, 8), 0.0, torch.tensor([0, 1]))
