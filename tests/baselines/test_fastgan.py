"""Does FastGAN have its authors' networks, and does its discriminator learn to draw what it sees?"""

from typing import Any

import pytest
import torch
from small_runs import build, trainer, updates
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, leaky_relu
from torch.nn.utils import parametrize

from baselines import fastgan
from baselines.blocks import spectral
from baselines.blocks.fastgan_networks import (
    Excitation,
    FromLatent,
    Halving,
    pooled,
    quarter,
    thinned,
)
from baselines.blocks.style import Noise
from baselines.fastgan import FastGAN
from ganbench.data.dataset import DataShape
from ganbench.errors import RequestError, UnknownName
from ganbench.training.trainer import Trainer

SMALL: dict[str, Any] = {"latent_dim": 8, "generator_width": 2, "discriminator_width": 4}


def small(side: int = 32, channels: int = 3, **config: Any) -> FastGAN:
    variant = build(FastGAN, (channels, side, side), **{**SMALL, **config})
    assert isinstance(variant, FastGAN)
    return variant


@pytest.fixture(scope="module")
def large() -> FastGAN:
    """The authors' networks at 256 pixels, without numbers."""
    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        patch.setattr(spectral, "FIRST_ITERATIONS", 1)  # a form alone has no singular values
        return FastGAN(FastGAN.Config(), DataShape(size=(3, 256, 256)))


def test_at_256_pixels_the_networks_have_the_authors_number_of_parameters(large: FastGAN) -> None:
    # counted in models.py of FastGAN-pytorch: Generator(ngf=64, nz=256, im_size=256), Discriminator(ndf=64, im_size=256)
    found = [sum(parameter.numel() for parameter in network.parameters()) for network in (large.generator, large.discriminator)]
    assert found == [29_127_846, 11_526_160]


def test_at_256_pixels_excitations_lead_over_the_papers_factors(large: FastGAN) -> None:
    def ends(network: nn.Module) -> list[tuple[int, int]]:
        gates = [module.gate for module in network.modules() if isinstance(module, Excitation)]
        return [(gate[0].in_channels, gate[2].out_channels) for gate in gates]

    # section 3.1: 4 to 64, 8 to 128, 16 to 256 pixels; in the code's discriminator 256 to 32, 128 to 16, 64 to 8
    assert large.generator.reach == 4 and ends(large.generator) == [(1024, 128), (512, 64), (256, 32)]
    assert large.discriminator.reach == 3 and ends(large.discriminator) == [(16, 128), (32, 256), (64, 512)]


def test_every_convolution_is_spectrally_normalised_and_has_no_bias(large: FastGAN) -> None:
    layers = [module for module in large.modules() if isinstance(module, nn.Conv2d)]
    assert len(layers) > 60
    assert all(parametrize.is_parametrized(layer, "weight") and layer.bias is None for layer in layers)


def test_the_defaults_are_the_authors() -> None:
    config = FastGAN.Config()
    assert (config.latent_dim, config.policy, config.smoothing) == (256, "color,translation", 0.2)
    for optimizer in small().optimizers().values():
        assert optimizer.param_groups[0]["lr"] == 2e-4 and optimizer.param_groups[0]["betas"] == (0.5, 0.999)


def test_an_excitation_multiplies_channels_by_a_gate_of_the_sources_means() -> None:
    # w of 1 / 16 at every place of the 4x4 takes the mean m of a source's channel; Swish is m / (1 + exp(-m)), and the gate its sigmoid
    excitation = Excitation(1, 2)
    nn.init.constant_(excitation.gate[0].weight, 1 / 16)  # type: ignore[arg-type]
    with torch.no_grad():
        excitation.gate[2].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -2.0]])[:, :, None, None])  # type: ignore[operator, union-attr]
    source, x = torch.linspace(-1, 3, 64).view(1, 1, 8, 8), torch.randn(1, 2, 16, 16)
    swish = torch.tensor(1 / (1 + torch.e**-1.0))  # the mean is 1
    expected = torch.stack([x[:, 0] * swish.sigmoid(), x[:, 1] * (-2 * swish).sigmoid()], 1)
    torch.testing.assert_close(excitation(source, x), expected)


@pytest.mark.parametrize("side", [4, 5, 6, 7, 8, 10, 14, 28, 64])
def test_means_over_windows_are_those_of_adaptive_pooling(side: int) -> None:
    x = torch.randn(2, 3, side, side)
    torch.testing.assert_close(pooled(x, 4), adaptive_avg_pool2d(x, 4))


def test_latents_start_maps_as_a_transposed_convolution_does() -> None:
    start = FromLatent(5, 3, 4)
    latents = torch.randn(2, 5)
    expected = nn.functional.conv_transpose2d(latents[:, :, None, None], start.kernels.weight.transpose(0, 1))
    torch.testing.assert_close(start(latents), expected)


def test_a_halving_is_the_mean_of_its_branches() -> None:
    block = Halving(1, 1).eval()
    for weight in block.parameters():
        nn.init.zeros_(weight)
    nn.init.ones_(block.direct[0].weight)  # type: ignore[arg-type]
    nn.init.ones_(block.direct[1].weight)  # type: ignore[arg-type]
    x = torch.arange(4.0).view(1, 1, 2, 2) - 3
    torch.testing.assert_close(block(x).squeeze(), leaky_relu(x.mean() / (1 + 1e-5) ** 0.5, 0.2) / 2)  # batch norm's epsilon


def test_quarters_are_numbered_by_rows() -> None:
    x = torch.arange(16.0).view(1, 1, 4, 4).expand(4, 2, 4, 4)
    found = quarter(x, torch.tensor([0, 1, 2, 3]))
    assert [found[i, 1].flatten().tolist() for i in range(4)] == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]


@pytest.mark.parametrize("side", [8, 10, 12, 14, 16, 24, 28, 32, 40, 56, 64, 96])
def test_sides_of_four_to_seven_doubled_are_met_exactly(side: int) -> None:
    variant = small(side)
    images, halves = variant.generator(torch.randn(2, 8))
    assert images.shape == (2, 3, side, side) and halves.shape == (2, 3, side // 2, side // 2)
    seen = variant.discriminator.see(images, halves)
    assert seen.before.shape[2] == 2 * seen.last.shape[2]
    assert all(decoded.shape == halves.shape for decoded in variant.discriminator.decode(seen, torch.tensor([1, 2])))
    # an excitation leads to every map that lies far enough from its source: sixteenfold in the generator, from 64 to 96 pixels one
    assert len(variant.generator.excitations) == 1
    assert variant.discriminate(images).shape == (2,)


def test_noise_is_fresh_in_training_and_fixed_in_evaluation() -> None:
    variant = small()
    noises = [module for module in variant.generator.modules() if isinstance(module, Noise)]
    assert len(noises) == 4  # two in every other of three blocks
    for noise in noises:
        nn.init.ones_(noise.strength)
    latents = torch.randn(3, 8)
    with torch.no_grad():
        assert not torch.equal(variant.generate(latents), variant.generate(latents))
        variant.eval()
        assert torch.equal(variant.generate(latents), variant.generate(latents))


class Steps:
    """What the networks see and minimise, without updates or augmentation.

    Args:
        monkeypatch: Takes both away.
        draw: What uniform numbers are.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, draw: float, **config: Any) -> None:
        training = trainer(FastGAN, (1, 16, 16), **{**SMALL, "policy": "", **config})
        assert isinstance(training.variant, FastGAN)
        self.variant, self.context = training.variant, training.begin(0)
        self.seen: list[Any] = []
        self.decoded: list[tuple[Any, Tensor, tuple[Tensor, ...]]] = []
        self.minimised: dict[str, Tensor] = {}
        judge = self.variant.discriminator
        see, decode = judge.see, judge.decode

        def noted(images: Tensor, halves: Tensor) -> Any:
            self.seen.append((images, halves, see(images, halves)))
            return self.seen[-1][2]

        def drawn(seen: Any, which: Tensor) -> Any:
            self.decoded.append((seen, which, decode(seen, which)))
            return self.decoded[-1][2]

        monkeypatch.setattr(judge, "see", noted)
        monkeypatch.setattr(judge, "decode", drawn)
        monkeypatch.setattr(self.context, "minimize", lambda name, loss: self.minimised.update({name: loss}))
        monkeypatch.setattr(torch, "rand_like", lambda x: torch.full_like(x, draw))


@pytest.mark.parametrize(("draw", "margin"), [(0.0, 1.0), (1.0, 0.8), (0.5, 0.9)])
def test_the_discriminator_minimises_a_hinge_with_random_margins_and_its_decoders_distances(
    draw: float, margin: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps(monkeypatch, draw, reconstruction_weight=3.0)
    logs = steps.variant.discriminator_step(steps.context.real, steps.context)
    (real, halves, seen), (_, _, fake) = steps.seen
    ((source, which, (whole, little, part)),) = steps.decoded
    assert torch.equal(real, steps.context.real.examples) and torch.equal(halves, real[:, :, ::2, ::2]) and source is seen
    assert set(which.tolist()) <= {0, 1, 2, 3} and len(which) == len(real)
    hinge = (margin - seen.logits).clamp(min=0).mean() + (margin + fake.logits).clamp(min=0).mean()
    torch.testing.assert_close(logs["loss/discriminator"], hinge)
    corners = [real[i, :, 8 * (w // 2) : 8 * (w // 2) + 8, 8 * (w % 2) : 8 * (w % 2) + 8] for i, w in enumerate(which.tolist())]
    distances = [(whole - halves).abs().mean(), (little - halves).abs().mean(), (part - torch.stack(corners)).abs().mean()]
    torch.testing.assert_close(steps.minimised, {"discriminator": hinge + 3 * torch.stack(distances).sum()})


def test_the_generator_minimises_minus_the_mean_logit_of_both_its_images(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(monkeypatch, 0.0)
    logs = steps.variant.generator_step(steps.context)
    ((images, halves, seen),) = steps.seen
    assert images.shape[2] == 2 * halves.shape[2] and images.requires_grad and halves.requires_grad and not steps.decoded
    torch.testing.assert_close(steps.minimised, {"generator": -seen.logits.mean()})
    torch.testing.assert_close(logs["loss/generator"], -seen.logits.mean())


def test_logits_are_those_of_all_places_of_both_paths() -> None:
    judge = small(32).discriminator
    seen = judge.see(torch.randn(3, 3, 32, 32), torch.randn(3, 3, 16, 16))
    assert seen.logits.shape == (3, 2 * 5 * 5)  # 4x4 kernels on 8x8 maps, as in the authors' code at 256 pixels
    assert seen.last.shape[2] == seen.small.shape[2] == 8


def test_margins_lie_between_the_smoothed_and_the_whole_one() -> None:
    variant = small()
    logits = torch.zeros(100_000)
    # relu(m - 0) = m, uniform in [0.8, 1]: the mean is 0.9, its standard error 0.2 / sqrt(12 n)
    assert variant.smoothed_hinge(logits).item() == pytest.approx(0.9, abs=5 * 0.2 / (12 * len(logits)) ** 0.5)
    assert small(smoothing=0.0).smoothed_hinge(logits).item() == 1


def test_real_generated_and_small_images_are_augmented_by_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    training: Trainer = trainer(FastGAN, (1, 16, 16), **SMALL)
    seen: list[int] = []

    def noted(examples: Tensor, policy: str) -> Tensor:
        assert policy == "color,translation"
        seen.append(examples.shape[2])
        return examples

    monkeypatch.setattr(fastgan, "augmented", noted)
    training.advance(1)
    assert seen == [16, 16, 8, 16, 8]  # real; both generated in the discriminator's step; both in the generator's


def test_both_networks_are_updated_in_every_step() -> None:
    assert updates(trainer(FastGAN, (1, 16, 16), **SMALL), 2) == 2 * ["discriminator", "generator"]


def test_the_decoders_learn_to_draw_real_images() -> None:
    training = trainer(FastGAN, (1, 16, 16), batch_size=32, learning_rate=5e-3, policy="", **SMALL)
    first = training.advance(2).logs
    training.advance(60)
    last = training.advance(2).logs
    # of uniform noise in [-1, 1] the small path, which sees what is to be drawn, learns most; the constant 0 has a distance of 0.5
    assert all(last[f"reconstruction/{name}"] < first[f"reconstruction/{name}"] for name in ("whole", "small", "part"))
    assert last["reconstruction/small"] < 0.45


def test_images_of_half_the_side_are_every_other_pixel() -> None:
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert thinned(x).flatten().tolist() == [0, 2, 8, 10]


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(RequestError, match="fastgan: images of 30 pixels"):
        small(30)
    with pytest.raises(UnknownName, match="unknown part of fastgan's policy 'colour'; did you mean 'color'"):
        small(policy="colour")
