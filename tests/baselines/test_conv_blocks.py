"""Do DCGAN's networks meet every size, with the paper's layers at its own?"""

import pytest
import torch
from torch import nn

from baselines.blocks.conv import Discriminator, Generator, initialise_dcgan, kernel, sides
from baselines.blocks.mlp import Maxout, point_discriminator, point_generator
from baselines.dcgan import DCGAN
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError


@pytest.mark.parametrize("side", [*range(8, 65), 96, 127, 128, 255, 256])
def test_every_size_is_met_exactly(side: int) -> None:
    shape = DataShape(size=(3 if side % 2 else 1, side, side))
    images = Generator(5, shape, 1)(torch.randn(2, 5))
    assert images.shape == (2, *shape.size)
    for norm in ("batch", "none"):
        assert Discriminator(shape, 1, norm=norm)(images).shape == (2,)  # type: ignore[arg-type]


@pytest.mark.parametrize("side", [*range(8, 65), 96, 127, 128, 255, 256])
def test_every_layer_halves_or_doubles_its_side(side: int) -> None:
    levels = sides(DataShape(size=(1, side, side)))
    assert levels[0] == side
    assert 3 <= levels[-1] <= 4
    for larger, smaller in zip(levels, levels[1:], strict=False):
        assert smaller == -(-larger // 2)
        down, up = nn.Conv2d(1, 1, kernel(larger), 2, 1), nn.ConvTranspose2d(1, 1, kernel(larger), 2, 1)
        assert down(torch.zeros(1, 1, larger, larger)).shape[2:] == (smaller, smaller)
        assert up(torch.zeros(1, 1, smaller, smaller)).shape[2:] == (larger, larger)


def test_known_chains_of_sides_and_kernels() -> None:
    assert sides(DataShape(size=(3, 64, 64))) == [64, 32, 16, 8, 4]
    assert sides(DataShape(size=(1, 28, 28))) == [28, 14, 7, 4]
    assert [kernel(side) for side in (64, 28, 14, 7)] == [4, 4, 4, 3]


@pytest.mark.parametrize("size", [(1, 8, 9), (1, 7, 7), (3, 257, 257), (1, 1, 1)], ids=str)
def test_other_sizes_are_refused_in_one_line(size: tuple[int, ...]) -> None:
    with pytest.raises(RequestError, match="`resolution`") as refusal:
        sides(DataShape(size=size))
    assert "\n" not in str(refusal.value)


def test_at_64_pixels_the_default_is_the_papers_plan() -> None:
    # Radford et al. 2016, figure 1: 100 latents, 1024 channels of 4x4, then 512, 256, 128 and the image.
    config, shape = DCGAN.Config(), DataShape(size=(3, 64, 64))
    with torch.device("meta"):
        generator, discriminator = (
            Generator(config.latent_dim, shape, config.generator_width),
            Discriminator(shape, config.discriminator_width, norm="batch"),
        )
    ups = [m for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels) for m in ups] == [(100, 1024), (1024, 512), (512, 256), (256, 128), (128, 3)]
    assert [m.kernel_size for m in ups] == [(4, 4)] * 5
    downs = [m for m in discriminator.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels) for m in downs] == [(3, 128), (128, 256), (256, 512), (512, 1024), (1024, 1)]


def test_batch_norm_stands_where_the_paper_puts_it() -> None:
    # Section 3: everywhere but at the generator's output and the discriminator's input.
    shape = DataShape(size=(1, 16, 16))
    kinds = [type(m).__name__ for m in Generator(4, shape, 2).layers]
    assert kinds == ["BatchNorm2d", "ReLU", "ConvTranspose2d", "BatchNorm2d", "ReLU", "ConvTranspose2d", "Tanh"]
    kinds = [type(m).__name__ for m in Discriminator(shape, 2, norm="batch").layers]
    assert kinds == ["Conv2d", "LeakyReLU", "Conv2d", "BatchNorm2d", "LeakyReLU", "Conv2d", "Flatten"]
    assert not any(isinstance(m, nn.BatchNorm2d) for m in Discriminator(shape, 2, norm="none").modules())
    slopes = {m.negative_slope for m in Discriminator(shape, 2, norm="none").modules() if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.2}


def test_a_bias_is_left_out_exactly_where_batch_norm_follows() -> None:
    shape = DataShape(size=(1, 32, 32))
    for network in (Generator(4, shape, 2), Discriminator(shape, 2, norm="batch"), Discriminator(shape, 2, norm="none")):
        layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d)]
        for layer, following in zip(layers, [*layers[1:], None], strict=True):
            if not isinstance(layer, nn.BatchNorm2d):
                assert (layer.bias is None) == isinstance(following, nn.BatchNorm2d)


def test_initial_weights_have_the_papers_spread() -> None:
    torch.manual_seed(0)
    variant = nn.ModuleList([Generator(100, DataShape(size=(3, 32, 32)), 16), Discriminator(DataShape(size=(3, 32, 32)), 16, norm="batch")])
    variant.apply(initialise_dcgan)
    for module in variant.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            n = module.weight.numel()
            assert module.weight.std().item() == pytest.approx(0.02, rel=5 / (2 * n) ** 0.5)
            assert abs(module.weight.mean().item()) < 5 * 0.02 / n**0.5
            assert module.bias is None or not module.bias.any()
        elif isinstance(module, nn.BatchNorm2d):
            assert module.weight.mean().item() == pytest.approx(1, abs=5 * 0.02 / len(module.weight) ** 0.5)
            assert not module.bias.any()


def test_maxout_is_the_largest_of_its_pieces() -> None:
    layer = Maxout(3, 4, 5)
    x = torch.randn(7, 3)
    maps = layer.linear(x).view(7, 4, 5)
    assert torch.equal(layer(x), maps.max(2).values)


def test_point_networks_are_the_pinned_two_layers_of_128() -> None:
    assert [tuple(p.shape) for p in point_generator(2, 2).parameters() if p.dim() == 2] == [(128, 2), (128, 128), (2, 128)]
    assert [tuple(p.shape) for p in point_discriminator(2).parameters() if p.dim() == 2] == [(128, 2), (128, 128), (1, 128)]
