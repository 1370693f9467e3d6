"""Do critics without batch norm start as their authors'? (closed forms of the variances, and slopes that are not flat)"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from baselines.ablation import Ablation
from baselines.blocks.conv import initialise_dcgan
from baselines.blocks.pairs import dcgan_pair
from baselines.blocks.starts import as_constructed, fans, initialise_he_normal, initialise_he_uniform, initialise_scaled_orthogonal
from baselines.dragan import DRAGAN
from baselines.unrolled_gan import UnrolledGAN
from baselines.wgan_gp import WGANGP
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Variant

SHAPE = DataShape(size=(3, 32, 32))
Start = Callable[[nn.Module], None]


def layers(network: nn.Module) -> list[nn.Conv2d | nn.ConvTranspose2d]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)]


def pair(start: Start, critic_start: Start | None = None, width: int = 32) -> tuple[nn.Module, nn.Module]:
    torch.default_generator.manual_seed(0)
    return dcgan_pair(100, SHAPE, width, width, norm="none", start=start, critic_start=critic_start)


def test_fans_are_the_mean_numbers_of_connections() -> None:
    # strided: every output of a 4x4 kernel sees 16 positions, every input is seen from 16 / 4; transposed: the other way round
    assert fans(nn.Conv2d(3, 8, 4, 2, 1)) == (3 * 16, 8 * 4)
    assert fans(nn.ConvTranspose2d(8, 3, 4, 2, 1)) == (8 * 4, 3 * 16)
    assert fans(nn.Conv2d(3, 8, 3, 2, 1)) == (3 * 9, 8 * 9 / 4)
    # the ends: a map of 4x4 to one value, a vector of 100 to a map of 4x4
    assert fans(nn.Conv2d(8, 1, 4)) == (8 * 16, 1)
    assert fans(nn.ConvTranspose2d(100, 8, 4)) == (100, 8 * 16)


@pytest.mark.parametrize("layer", [nn.Conv2d(64, 96, 4, 2, 1), nn.ConvTranspose2d(64, 96, 4, 2, 1)], ids=["down", "up"])
def test_fans_count_the_connections_of_a_large_map(layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
    one = type(layer)(1, 1, 4, 2, 1, bias=False)
    nn.init.ones_(one.weight)
    x = torch.ones(1, 1, 32, 32, requires_grad=True)
    seen = one(x)
    (seeing,) = torch.autograd.grad(seen.sum(), x)
    inner = seen[0, 0, 2:-2, 2:-2].mean().item(), seeing[0, 0, 2:-2, 2:-2].mean().item()
    assert fans(layer) == pytest.approx((64 * inner[0], 96 * inner[1]))


@pytest.mark.parametrize("network", [0, 1], ids=["generator", "critic"])
def test_the_start_of_wgan_gp_is_uniform_with_the_authors_variances(network: int) -> None:
    # igul222/improved_wgan_training, tflib/ops: sqrt(4 / (fan in + fan out)) in conv2d and deconv2d, Glorot's sqrt(2 / ...) in linear
    for layer in layers(pair(initialise_he_uniform, width=64)[network]):
        numerator = 2 if layer.stride == (1, 1) else 4
        bound = (3 * numerator / sum(fans(layer))) ** 0.5
        weight = layer.weight.detach()
        assert weight.abs().max() <= bound
        assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=5 / weight.numel() ** 0.5)
        assert layer.bias is None or not layer.bias.any()


@pytest.mark.parametrize("network", [0, 1], ids=["generator", "critic"])
def test_the_start_of_dragan_is_normal_with_two_over_the_inputs(network: int) -> None:
    # kodalinaveen3/DRAGAN, DRAGAN.ipynb: stddev 1 / sqrt(inputs / 2)
    for layer in layers(pair(initialise_he_normal, width=64)[network]):
        weight = layer.weight.detach()
        assert weight.std().item() == pytest.approx((2 / fans(layer)[0]) ** 0.5, rel=5 / (2 * weight.numel()) ** 0.5)
        assert weight.abs().max() > 3 * weight.std() or weight.numel() < 5000, "normal, not uniform"
        assert layer.bias is None or not layer.bias.any()


@pytest.mark.parametrize("network", [0, 1], ids=["generator", "critic"])
def test_the_start_of_unrolled_gans_is_orthogonal_times_the_authors_gain(network: int) -> None:
    # poolio/unrolled_gan: tf.orthogonal_initializer(gain=1.4) in every layer
    for layer in layers(pair(initialise_scaled_orthogonal)[network]):
        matrix = layer.weight.detach().flatten(1).double()
        products = matrix @ matrix.t() if len(matrix) <= matrix.shape[1] else matrix.t() @ matrix
        torch.testing.assert_close(products, 1.96 * torch.eye(len(products), dtype=torch.float64), rtol=1e-4, atol=1e-5)
        assert layer.bias is None or not layer.bias.any()


def slope(critic: nn.Module) -> float:
    """Mean norm of a critic's gradient at uniform noise."""
    x = torch.rand(32, *SHAPE.size, generator=torch.Generator().manual_seed(1)).mul(2).sub(1).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x)
    return gradient.flatten(1).norm(dim=1).mean().item()


@pytest.mark.parametrize("width", [32, 128])
def test_without_batch_norm_the_authors_critics_are_not_flat_and_the_others_are(width: int) -> None:
    steep = [slope(pair(start, width=width)[1]) for start in (initialise_he_uniform, initialise_he_normal, initialise_scaled_orthogonal)]
    flat = [slope(pair(start, width=width)[1]) for start in (initialise_dcgan, as_constructed)]
    assert min(steep) > 0.5 and max(steep) < 2 and max(flat) < 0.1


@pytest.mark.parametrize(("cls", "start", "critic_start"), [
    (WGANGP, initialise_he_uniform, initialise_he_uniform),
    (DRAGAN, initialise_dcgan, initialise_he_normal),
    (UnrolledGAN, initialise_dcgan, initialise_scaled_orthogonal),
])  # fmt: skip
def test_each_method_has_its_authors_start(cls: type[Variant], start: Start, critic_start: Start) -> None:
    torch.default_generator.manual_seed(0)
    variant = cls(cls.Config(latent_dim=100, generator_width=32, discriminator_width=32), SHAPE)  # type: ignore[call-arg]
    for network, wanted in zip((variant.generator, variant.discriminator), pair(start, critic_start), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), wanted.parameters(), strict=True))
    gains = [module.weight for module in variant.generator.modules() if isinstance(module, nn.BatchNorm2d)]
    assert gains and all(torch.equal(gain, torch.ones_like(gain)) == (start is not initialise_dcgan) for gain in gains)


def test_the_ablation_keeps_the_start_of_its_measured_cells() -> None:
    torch.default_generator.manual_seed(0)
    variant = Ablation(Ablation.Config(latent_dim=100, generator_width=32, discriminator_width=32), SHAPE)
    generator = layers(variant.generator)
    assert all(layer.weight.std().item() == pytest.approx(0.02, rel=0.05) for layer in generator)
    for layer in layers(variant.discriminator):  # PyTorch's own: uniform within 1 / sqrt(inputs), biases too
        bound = fans(layer)[0] ** -0.5
        weight: Tensor = layer.weight.detach()
        assert weight.abs().max() <= bound and weight.std().item() == pytest.approx(bound / 3**0.5, rel=5 / weight.numel() ** 0.5)
        assert layer.bias is not None and layer.bias.abs().max() > 0
