"""Do StyleGAN's styles, noise and mixing do what its paper says?"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.blocks.equalised import pixel_norm
from baselines.blocks.style import AdaptiveInstanceNorm, Mapping, Noise, NormedLayer, by_layer, mixed
from baselines.stylegan import StyleGAN
from ganbench.data.dataset import DataShape
from ganbench.training.variant import Batch


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


class Context:
    """A step at full size that notes what is minimised."""

    batch_size, step_images, images_seen, step = 8, 8, 10_000, 0

    def __init__(self) -> None:
        self.losses: dict[str, Tensor] = {}

    def latents(self, n: int) -> Tensor:
        return torch.randn(n, 8)

    def augment(self, images: Tensor) -> Tensor:
        return images

    def scheduled(self, number: Callable[["Context"], Any]) -> Any:
        return number(self)

    def counter(self) -> Tensor:
        return torch.tensor(self.images_seen)

    def mean(self, tensor: Tensor) -> Tensor:
        return tensor

    def minimize(self, name: str, loss: Tensor) -> None:
        self.losses[name] = loss.detach()


def build(**fields: float) -> StyleGAN:
    tiny = {
        "latent_dim": 8,
        "style_dim": 6,
        "mapping_layers": 2,
        "channel_base": 16,
        "channel_max": 8,
        "stage_images": 32,
        "fade_images": 64,
    }
    variant = StyleGAN(StyleGAN.Config(**{**tiny, **fields}), DataShape(size=(1, 16, 16)))  # type: ignore[arg-type]
    variant.generator.synthesis.images_seen.fill_(10_000)
    return variant


def test_the_papers_generator_has_the_papers_number_of_parameters() -> None:
    # Karras et al. 2019, section 2: 26.2M trainable parameters, 23.1M in the traditional generator; the discriminator is that one's.
    with torch.device("meta"):
        variant = StyleGAN(StyleGAN.Config(), DataShape(size=(3, 1024, 1024)))
    assert sum(p.numel() for p in variant.generator.parameters()) == pytest.approx(26.2e6, rel=0.01)
    assert sum(p.numel() for p in variant.discriminator.parameters()) == pytest.approx(23.1e6, rel=0.01)


def test_adaptive_instance_norm_gives_every_map_its_styles_mean_and_deviation() -> None:
    norm = AdaptiveInstanceNorm(6, 5)
    x, style = 3 + 4 * torch.randn(7, 5, 8, 8), torch.randn(7, 6)
    y = norm(x, style)
    torch.testing.assert_close(y.mean((2, 3)), norm.shift(style), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(y.std((2, 3), correction=0), norm.scale(style).abs(), rtol=1e-4, atol=1e-5)
    # appendix C: biases start from 0, those of the scale from 1
    torch.testing.assert_close(norm(x, torch.zeros(7, 6)).std((2, 3), correction=0), torch.ones(7, 5), rtol=1e-4, atol=0)


def test_noise_is_fresh_in_training_constant_in_evaluation_and_starts_without_strength() -> None:
    noise, x = Noise(3, 4), torch.zeros(5, 3, 4, 4)
    assert torch.equal(noise(x), x)
    noise(x).sum().backward()
    assert noise.strength.grad is not None
    assert noise.strength.grad.abs().min() > 0
    torch.nn.init.constant_(noise.strength, 2.0)
    first, second = noise(x), noise(x)
    assert not torch.equal(first, second)
    assert torch.equal(first[:, 0], first[:, 1]), "one noise image for all channels"
    assert not torch.equal(first[0], first[1]), "another one for every example"
    assert first.std().item() == pytest.approx(2, rel=0.2)
    noise.eval()
    assert torch.equal(noise(x), 2 * noise.constant.expand(5, 3, -1, -1))


def test_a_style_scales_every_layer_and_the_first_has_no_convolution() -> None:
    first = NormedLayer(0, 4, 6, 4, up=False)
    assert first.conv is None
    later = NormedLayer(4, 2, 6, 8, up=True)
    assert later(first(torch.ones(3, 4, 4, 4), torch.randn(3, 6)), torch.randn(3, 6)).shape == (3, 2, 8, 8)


def test_mapping_normalises_latents_and_learns_at_a_share_of_the_rate() -> None:
    mapping = Mapping(8, 6, 3, 0.01)
    latents = torch.randn(5, 8)
    torch.testing.assert_close(mapping(latents), mapping(100 * latents))
    by_hand = pixel_norm(latents)
    for layer in mapping.layers:
        by_hand = by_hand @ layer.weight.t() * (0.01 * (2 / layer.weight.shape[1]) ** 0.5)  # type: ignore[operator, union-attr]
        by_hand = torch.where(by_hand > 0, by_hand, 0.2 * by_hand)
    torch.testing.assert_close(mapping(latents), by_hand)
    assert StyleGAN.Config().mapping_rate == 0.01
    assert StyleGAN.Config().mapping_layers == 8


def test_mixing_switches_styles_once_in_the_chosen_share_of_images() -> None:
    first, second = torch.zeros(20_000, 1), torch.ones(20_000, 1)
    styles = mixed(first, second, 6, 0.9)[:, :, 0]
    assert (styles.diff(dim=1) >= 0).all(), "from the first style to the second, never back"
    assert (styles[:, 0] == 0).all()
    share = styles.any(1).float().mean().item()
    assert share == pytest.approx(0.9, abs=0.01)
    starts = styles.sum(1)[styles.any(1)]
    assert {int(n) for n in starts.unique()} == {1, 2, 3, 4, 5}, "any layer but the first"
    assert torch.equal(mixed(first, second, 2, 1.0)[:, :, 0].mean(0), torch.tensor([0.0, 1.0]))
    assert not mixed(first, second, 6, 0.0).any()


def test_one_style_for_all_layers_and_the_same_one_for_each_give_one_image() -> None:
    variant = build().eval()
    styles = variant.generator.mapping(torch.randn(3, 8))
    assert styles.shape == (3, 6)
    images = variant.generator.synthesis(styles)
    assert images.shape == (3, 1, 16, 16)
    torch.testing.assert_close(variant.generator.synthesis(by_layer(styles, 6)), images)
    fine = torch.cat([styles[:, None].expand(-1, 4, -1), torch.randn(3, 2, 6)], 1)
    assert not torch.allclose(variant.generator.synthesis(fine), images)


def test_truncation_moves_images_towards_that_of_the_average_style() -> None:
    variant = build().eval()
    latents = torch.randn(16, 8)
    variant.generator.mapping.follow(variant.generator.mapping(torch.randn(500, 8)).detach().mean(0), 0.0)
    torch.testing.assert_close(variant.generate_truncated(latents, 1.0), variant.generate(latents))
    average = variant.generate_truncated(latents, 0.0)
    torch.testing.assert_close(average, average[:1].expand_as(average))
    spreads = [variant.generate_truncated(latents, psi).std(0).mean().item() for psi in (0.0, 0.3, 0.7, 1.0)]
    assert spreads == sorted(spreads)
    assert spreads[2] < spreads[3]


def test_the_average_style_follows_in_the_generators_step_alone() -> None:
    variant, context = build(style_average_decay=0.9), Context()
    variant.discriminator_step(Batch(examples=torch.rand(8, 1, 16, 16)), context)  # type: ignore[arg-type]
    assert not variant.generator.mapping.mean.any()
    with torch.no_grad():
        for layer in variant.generator.mapping.layers:
            layer.bias.fill_(50.0)  # styles with a mean, whatever the latents
    state = torch.get_rng_state()
    variant.generator_step(context)  # type: ignore[arg-type]
    torch.set_rng_state(state)
    expected = 0.1 * variant.generator.mapping(torch.randn(16, 8))[:8].mean(0)
    torch.testing.assert_close(variant.generator.mapping.mean, expected)


def test_r1_enters_the_discriminators_loss_with_its_weight_in_every_step() -> None:
    variant, context = build(r1_gamma=10.0), Context()
    logs = variant.discriminator_step(Batch(examples=torch.rand(8, 1, 16, 16)), context)  # type: ignore[arg-type]
    torch.testing.assert_close(context.losses["discriminator"], logs["loss/discriminator"] + 10 * logs["penalty/r1"])
    assert logs["penalty/r1"] > 0
    assert StyleGAN.Config().r1_gamma == 10
    assert StyleGAN.Config().mixing_probability == 0.9


def test_images_in_evaluation_depend_on_their_latents_alone() -> None:
    variant = build().eval()
    for module in variant.modules():
        if isinstance(module, Noise):
            torch.nn.init.constant_(module.strength, 1.0)
    latents = torch.randn(5, 8)
    together, alone = variant.generate(latents), torch.cat([variant.generate(latent[None]) for latent in latents])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
