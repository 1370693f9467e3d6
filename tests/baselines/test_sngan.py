"""Do SNGAN and its conditional heir have the papers' networks and schedule?"""

import pytest
import torch
from small_runs import build, trainer, updates
from torch import nn

from baselines.blocks import spectral
from baselines.projection_gan import ProjectionGAN
from baselines.sngan import SNGAN
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError

SMALL = {"latent_dim": 4, "generator_width": 4, "discriminator_width": 4}


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_at_32_pixels_the_networks_are_the_papers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "FIRST_ITERATIONS", 1)  # a form alone has no singular values
    # Miyato et al. 2018, appendix B.4, table for CIFAR-10, layer by layer
    with torch.device("meta"):
        variant = SNGAN(SNGAN.Config(), DataShape(size=(3, 32, 32)))

    def conv(inputs: int, outputs: int, side: int) -> int:
        return inputs * outputs * side * side + outputs

    up = 2 * 2 * 256 + 2 * conv(256, 256, 3) + conv(256, 256, 1)
    assert parameters(variant.generator) == 128 * 4096 + 4096 + 3 * up + 2 * 256 + conv(256, 3, 3)
    down = conv(3, 128, 3) + conv(128, 128, 3) + conv(3, 128, 1) + 2 * conv(128, 128, 3) + conv(128, 128, 1)
    assert parameters(variant.discriminator) == down + 2 * 2 * conv(128, 128, 3) + 128 + 1


@pytest.mark.parametrize(("side", "last"), [(8, 4), (16, 8), (28, 7), (32, 8), (64, 8)])
def test_the_discriminator_halves_until_eight_pixels_and_then_keeps_two_blocks(side: int, last: int) -> None:
    network = build(SNGAN, (1, side, side), **SMALL).discriminator
    sizes: list[int] = []
    for block in network.blocks:  # type: ignore[union-attr]
        block.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[-1]))
    network(torch.randn(2, 1, side, side))
    assert sizes[-4:] == [last] * 4  # the last halving, two blocks and the ReLU
    assert sizes[0] == side // 2


@pytest.mark.parametrize(("cls", "classes"), [(SNGAN, 0), (ProjectionGAN, 3)])
def test_five_discriminator_updates_go_before_one_of_the_generator(cls: type[SNGAN], classes: int) -> None:
    assert updates(trainer(cls, classes=classes, **SMALL), 10) == 2 * [*["discriminator"] * 5, "generator"]


def test_the_defaults_are_the_papers() -> None:
    for cls in (SNGAN, ProjectionGAN):
        variant = build(cls, (1, 8, 8), 3)
        for optimizer in variant.optimizers().values():
            assert optimizer.param_groups[0]["lr"] == 2e-4
            assert optimizer.param_groups[0]["betas"] == (0.0, 0.9)
        assert variant.config.latent_dim == 128


@pytest.mark.parametrize("size", [(1, 8, 8), (2,)])
def test_a_gradient_of_the_generator_does_not_move_the_discriminators_weights(size: tuple[int, ...]) -> None:
    training = trainer(SNGAN, size, **SMALL)
    training.advance(4)
    before = {name: p.clone() for name, p in training.variant.discriminator.named_parameters()}
    training.variant.generator_step(training.begin(4))
    assert all(torch.equal(p, before[name]) for name, p in training.variant.discriminator.named_parameters())


def test_the_label_decides_about_images_and_values() -> None:
    training = trainer(ProjectionGAN, classes=3, **SMALL)
    training.advance(10)
    variant, latents = training.variant.eval(), torch.randn(4, 4)
    images = [variant.generate(latents, torch.full((4,), label)) for label in range(3)]
    assert not torch.allclose(images[0], images[1]) and not torch.allclose(images[1], images[2])
    values = [variant.discriminate(images[0], torch.full((4,), label)) for label in range(3)]
    assert not torch.allclose(values[0], values[1])


def test_missing_labels_are_refused() -> None:
    with pytest.raises(RequestError, match="needs labels.*or take sngan"):
        build(ProjectionGAN, classes=0)
    variant = build(ProjectionGAN, classes=3, **SMALL)
    for call in (lambda: variant.generate(torch.randn(2, 4)), lambda: variant.discriminate(torch.randn(2, 1, 8, 8))):
        with pytest.raises(RequestError, match="give one label for each"):
            call()


def test_points_are_for_sngan_alone() -> None:
    assert build(SNGAN, (2,), latent_dim=4).generate(torch.randn(3, 4)).shape == (3, 2)
    with pytest.raises(RequestError, match="works on images"):
        build(ProjectionGAN, (2,), 3)
