"""Do StyleGAN2's modulation, its lazy regularisation and its networks do what its paper says?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

import baselines
from baselines.blocks.growth import level_channels
from baselines.blocks.resampling import filtered_conv_up, filtered_up
from baselines.blocks.style import ModulatedConv, demodulation
from baselines.blocks.stylegan2_networks import DiscriminatorBlock
from baselines.stylegan import StyleGAN
from baselines.stylegan2 import StyleGAN2
from ganbench.data.dataset import Dataset, DataShape, Split
from ganbench.errors import RequestError
from ganbench.plan.spec import RunSpec
from ganbench.training.context import HarnessContext
from ganbench.training.trainer import Trainer

TinySpec = Callable[..., RunSpec]
FILE = f"{Path(baselines.__file__).parent / 'stylegan2.py'}:StyleGAN2"
TINY: dict[str, Any] = {"latent_dim": 8, "style_dim": 6, "mapping_layers": 2, "channel_base": 16, "channel_max": 8, "mapping_rate": 0.1}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def build(size: tuple[int, ...] = (1, 16, 16), classes: int = 0, **fields: Any) -> StyleGAN2:
    return StyleGAN2(StyleGAN2.Config(**{**TINY, **fields}), DataShape(size=size, classes=classes))


def trainer(tiny_spec: TinySpec, size: tuple[int, ...] = (1, 8, 8), classes: int = 0, **fields: Any) -> Trainer:
    numbers = np.random.default_rng(0)
    labels = numbers.integers(0, classes, 64) if classes else None
    split = Split(examples=numbers.integers(0, 256, (64, *size), dtype=np.uint8), labels=labels)
    data = Dataset(name="random", shape=DataShape(size=size, classes=classes), train=split, held_out=split, fingerprint="0" * 64)
    config = {**TINY, "learning_rate": 0.01, **fields}
    return Trainer(build(size, classes, **config), data, tiny_spec(FILE, config=config), torch.device("cpu"))


def noted(monkeypatch: pytest.MonkeyPatch, note: Callable[[str, Tensor], None]) -> None:
    """Calls back at every update."""
    update = HarnessContext.minimize

    def minimize(self: HarnessContext, which: str, loss: Tensor, **options: Any) -> None:
        update(self, which, loss, **options)
        note(which, loss)

    monkeypatch.setattr(HarnessContext, "minimize", minimize)


def test_demodulated_weights_have_unit_norm() -> None:
    # Karras et al. 2020, equations 1 to 3
    weight, scales = torch.randn(7, 5, 3, 3), 1 + torch.randn(4, 5)
    modulated = scales[:, None, :, None, None] * weight
    demodulated = modulated * demodulation(weight, scales)[:, :, None, None, None]
    torch.testing.assert_close(demodulated.flatten(2).norm(dim=2), torch.ones(4, 7))


@pytest.mark.parametrize(("up", "kernel"), [(False, 1), (False, 3), (True, 3)])
@pytest.mark.parametrize("demodulate", [False, True])
def test_scaling_inputs_and_outputs_equals_a_weight_of_each_examples_own(up: bool, demodulate: bool, kernel: int) -> None:
    conv = ModulatedConv(5, 7, kernel, 6, up=up, demodulate=demodulate)
    x, style = torch.randn(4, 5, 8, 8), torch.randn(4, 6)
    weight = conv.affine(style)[:, None, :, None, None] * conv.conv.weight / (5 * kernel**2) ** 0.5
    if demodulate:
        weight = weight / (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    if up:
        expected = torch.cat([filtered_conv_up(image[None], own) for image, own in zip(x, weight, strict=True)])
    else:
        grouped = functional.conv2d(x.view(1, -1, 8, 8), weight.flatten(0, 1), padding=kernel // 2, groups=4)
        expected = grouped.view(4, 7, 8, 8)
    torch.testing.assert_close(conv(x, style), expected, rtol=1e-4, atol=1e-5)


def test_styles_scale_by_one_plus_a_learned_map() -> None:
    conv = ModulatedConv(5, 7, 3, 6)
    torch.testing.assert_close(conv.affine(torch.zeros(2, 6)), torch.ones(2, 5))


@pytest.mark.parametrize(("layers", "parameters"), [(2, 28_794_124), (8, 28_794_124 + 6 * (512 * 512 + 512))])
def test_the_papers_networks_have_the_authors_number_of_parameters(layers: int, parameters: int) -> None:
    # Not stated in the paper. The authors' PyTorch code prints 28,794,124 for the generator at 1024x1024 with 2 mapping layers and
    # 29,012,513 for the discriminator; the paper's 8 layers add six of 512x512 + 512.
    assert level_channels(9, 16384, 512) == [512, 512, 512, 512, 512, 256, 128, 64, 32]
    with torch.device("meta"):
        variant = StyleGAN2(StyleGAN2.Config(mapping_layers=layers), DataShape(size=(3, 1024, 1024)))
    assert sum(p.numel() for p in variant.generator.parameters()) == parameters
    assert sum(p.numel() for p in variant.discriminator.parameters()) == 29_012_513


def test_images_are_the_sum_of_every_levels_image_doubled() -> None:
    # Karras et al. 2020, figure 7b: with all but one level's colours silent, its image comes out, filtered up.
    synthesis = build().generator.synthesis
    styles = torch.randn(3, 6, 6)
    for level, side in enumerate((4, 8, 16)):
        for other, to_rgb in enumerate(synthesis.to_rgb):
            torch.nn.init.zeros_(to_rgb.conv.weight) if other != level else torch.nn.init.normal_(to_rgb.conv.weight)  # type: ignore
        grown = synthesis(styles)
        caught: list[Tensor] = []
        hook = synthesis.to_rgb[level].register_forward_hook(lambda module, inputs, output, caught=caught: caught.append(output))
        grown = synthesis(styles)
        hook.remove()
        assert caught[0].shape[2] == side
        expected = caught[0]
        for _ in range(2 - level):
            expected = filtered_up(expected)
        torch.testing.assert_close(grown, expected)


def test_a_residual_block_adds_its_skip_and_keeps_the_size_of_the_signal() -> None:
    block = DiscriminatorBlock(32, 32, "residual")
    assert DiscriminatorBlock(32, 32, "orig").skip is None
    x = torch.randn(16, 32, 16, 16)
    torch.nn.init.zeros_(block.second.weight)
    assert block.skip is not None
    half = functional.conv2d(functional.pad(x, (1, 1, 1, 1)).flatten(0, 1)[:, None], torch.tensor([[[[1.0, 3, 3, 1]]]]) / 8, stride=(1, 2))
    half = functional.conv2d(half, torch.tensor([1.0, 3, 3, 1]).view(1, 1, 4, 1) / 8, stride=(2, 1)).view(16, 32, 8, 8)
    expected = functional.conv2d(half, block.skip.weight / 32**0.5) / 2**0.5
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 8, 8), (1, 28, 28), (3, 32, 32)], ids=str)
def test_every_parameter_is_reached_and_an_update_moves_its_own_network(
    tiny_spec: TinySpec, size: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = trainer(tiny_spec, size)
    reached: set[str] = set()

    def note(which: str, loss: Tensor) -> None:
        parameters = dict(training.variant.named_parameters())
        reached.update(key for key, value in parameters.items() if value.grad is not None and value.grad.abs().max() > 0)

    noted(monkeypatch, note)
    tick = training.advance(16)
    assert tick.nonfinite_updates == 0
    assert all(np.isfinite(value) for value in tick.logs.values())
    assert reached == {key for key, _ in training.variant.named_parameters()}
    images = training.variant.eval().generate(100 * torch.randn(5, 8))
    assert images.shape == (5, *size)
    assert images.abs().max() <= 1


def test_regularisation_is_lazy_and_has_updates_of_its_own(tiny_spec: TinySpec, monkeypatch: pytest.MonkeyPatch) -> None:
    # Karras et al. 2020, section 3.1: R1 in one step of 16, path lengths in one of 4.
    order: list[str] = []
    noted(monkeypatch, lambda which, loss: order.append(which))
    training = trainer(tiny_spec)
    plain, path = ["discriminator", "generator"], ["discriminator", "generator", "generator"]
    training.advance(32)
    four = 3 * plain + path
    assert order == 2 * (3 * four + 3 * plain + ["discriminator"] + path)
    order.clear()
    trainer(tiny_spec, r1_gamma=0.0, path_length_weight=0.0).advance(16)
    assert order == 16 * plain


def test_a_lazy_penalty_carries_its_interval(tiny_spec: TinySpec, monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[tuple[str, float]] = []
    noted(monkeypatch, lambda which, loss: losses.append((which, loss.item())))
    training = trainer(tiny_spec, r1_gamma=3.0, r1_interval=2, path_length_weight=5.0, path_length_interval=3)
    training.advance(1)
    losses.clear()
    logs = training.advance(1).logs
    assert [which for which, _ in losses] == ["discriminator", "discriminator", "generator"]
    assert losses[1][1] == pytest.approx(2 * 3.0 * logs["penalty/r1"])
    losses.clear()
    logs = training.advance(1).logs
    assert [which for which, _ in losses] == ["discriminator", "generator", "generator"]
    assert losses[2][1] == pytest.approx(3 * 5.0 * logs["penalty/path_length"])
    # appendix B: lambda' = c lambda, beta' = beta^c with c = k / (k + 1)
    groups = {name: optimizer.param_groups[0] for name, optimizer in training.variant.optimizers().items()}
    for name, c in (("discriminator", 2 / 3), ("generator", 3 / 4)):
        assert groups[name]["lr"] == pytest.approx(0.01 * c)
        assert groups[name]["betas"] == (0.0, pytest.approx(0.99**c))


def test_the_mean_path_length_follows_the_lengths(tiny_spec: TinySpec) -> None:
    training = trainer(tiny_spec, path_length_interval=1, path_length_decay=0.25)
    variant = training.variant
    mean = 0.0
    assert variant.path_mean.item() == 0  # type: ignore[operator]
    for _ in range(5):
        length = training.advance(1).logs["path_length"]
        assert length > 0
        mean += 0.25 * (length - mean)
        assert variant.path_mean.item() == pytest.approx(mean, rel=1e-5)  # type: ignore[operator]


def test_r1_is_that_of_the_discriminator_on_real_images(tiny_spec: TinySpec) -> None:
    training = trainer(tiny_spec, r1_interval=1, learning_rate=0.0)
    real = training.begin(0).real.examples
    caught = training.advance(1).logs["penalty/r1"]
    real.requires_grad_()
    (gradient,) = torch.autograd.grad(training.variant.discriminator(real).sum(), real)
    assert caught == pytest.approx(0.5 * gradient.square().sum((1, 2, 3)).mean().item(), rel=1e-5)


def test_labels_change_images_and_logits_only_where_they_are_asked_for(tiny_spec: TinySpec) -> None:
    variant = build(classes=3, conditional=True).eval()
    latents, first, second = torch.randn(4, 8), torch.zeros(4, dtype=torch.int64), torch.full((4,), 2)
    images = variant.generate(latents, first)
    assert not torch.allclose(images, variant.generate(latents, second))
    assert not torch.allclose(variant.discriminate(images, first), variant.discriminate(images, second))
    assert variant.discriminate(images, first).shape == (4,)
    assert not torch.allclose(variant.generate_truncated(latents, 0.5, first), variant.generate_truncated(latents, 0.5, second))
    plain = build(classes=3).eval()
    assert torch.equal(plain.generate(latents, first), plain.generate(latents, second))
    with pytest.raises(RequestError, match="labels"):
        build(conditional=True)


def test_a_conditional_run_trains_all_of_it(tiny_spec: TinySpec, monkeypatch: pytest.MonkeyPatch) -> None:
    training = trainer(tiny_spec, classes=3, conditional=True)
    reached: set[str] = set()

    def note(which: str, loss: Tensor) -> None:
        reached.update(key for key, value in training.variant.named_parameters() if value.grad is not None and value.grad.any())

    noted(monkeypatch, note)
    assert training.advance(8).nonfinite_updates == 0
    assert reached == {key for key, _ in training.variant.named_parameters()}


def test_truncation_and_the_average_style(tiny_spec: TinySpec) -> None:
    training = trainer(tiny_spec)
    training.advance(2)
    variant = training.variant.eval()
    latents = torch.randn(16, 8)
    torch.testing.assert_close(variant.generate_truncated(latents, 1.0), variant.generate(latents), rtol=1e-4, atol=1e-5)
    average = variant.generate_truncated(latents, 0.0)
    torch.testing.assert_close(average, average[:1].expand_as(average))
    assert variant.generate_truncated(latents, 0.5).std(0).mean() < variant.generate(latents).std(0).mean()


def test_batches_are_multiples_of_the_group_and_defaults_are_the_papers() -> None:
    assert build().batch_multiple == 4
    assert build(stddev_group=2).batch_multiple == 2
    config = StyleGAN2.Config()
    # Karras et al. 2020, appendix B and section 3.2
    assert (config.r1_interval, config.path_length_interval, config.path_length_weight, config.path_length_decay) == (16, 4, 2.0, 0.01)
    assert (config.learning_rate, config.beta1, config.beta2, config.r1_gamma, config.mixing_probability) == (2e-3, 0.0, 0.99, 10.0, 0.9)
    with pytest.raises(RequestError, match="points"):
        build((2,))


@pytest.mark.parametrize("method", [StyleGAN2, StyleGAN])
def test_a_tanh_follows_the_whole_generator_where_it_is_asked_for(method: Any) -> None:
    fields = {key: value for key, value in TINY.items() if key != "channel_base"}
    built = {}
    for output in ("linear", "tanh"):
        torch.manual_seed(0)
        built[output] = method(method.Config(**fields, channel_base=16, output=output), DataShape(size=(1, 16, 16)))
    latents = torch.randn(6, 8)
    for network in built.values():
        for parameter in network.generator.parameters():
            torch.nn.init.normal_(parameter)
    built["tanh"].generator.load_state_dict(built["linear"].generator.state_dict())
    plain, squashed = ({one: network.eval().generate(latents) for one, network in built.items()}[one] for one in ("linear", "tanh"))
    inside = plain.abs() < 1  # outside, images are clamped in evaluation
    torch.testing.assert_close(squashed[inside], plain[inside].tanh())
    assert squashed.abs().max() <= 1 and inside.any()


@pytest.mark.parametrize(("start", "share"), [("zero", 0.01), ("first", 1.0)])
def test_the_average_of_path_lengths_starts_where_it_is_told(tiny_spec: TinySpec, start: str, share: float) -> None:
    training = trainer(tiny_spec, path_length_interval=2, path_length_weight=2.0, path_length_start=start, path_length_decay=0.01)
    logs = training.advance(2).logs
    torch.testing.assert_close(training.variant.path_mean.item(), share * logs["path_length"], rtol=1e-5, atol=0)
    mean = training.variant.path_mean.clone()
    logs = training.advance(2).logs  # from the second update on both move alike
    torch.testing.assert_close(training.variant.path_mean.item(), (0.99 * mean + 0.01 * logs["path_length"]).item(), rtol=1e-5, atol=0)
