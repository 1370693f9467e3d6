"""Does adaptive augmentation leave alone what it must, change what it says, and find its strength?"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional

import baselines
from baselines.blocks import ada
from baselines.blocks.ada import COLOUR, GEOMETRY, AdaptiveProbability, augmented, cut_out, product, recoloured
from baselines.blocks.warping import resampled
from baselines.stylegan2_ada import StyleGAN2ADA
from ganbench.data.dataset import Dataset, DataShape, Split
from ganbench.errors import RequestError
from ganbench.plan.spec import RunSpec
from ganbench.training.trainer import Trainer

TinySpec = Callable[..., RunSpec]
FILE = f"{Path(baselines.__file__).parent / 'stylegan2_ada.py'}:StyleGAN2ADA"
TINY: dict[str, Any] = {
    "latent_dim": 8,
    "style_dim": 6,
    "mapping_layers": 2,
    "channel_base": 16,
    "channel_max": 8,
    "stddev_group": 4,
    "learning_rate": 0.01,
}
ALWAYS, NEVER = torch.ones(()), torch.zeros(())
PLACES = [ada.flip, ada.quarter_turn, ada.whole_shift, ada.isotropic_scale, ada.turn, ada.anisotropic_scale, ada.shift]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.default_generator.manual_seed(0)  # torch.manual_seed writes down the whole stack, for a CUDA device that may come


def trainer(tiny_spec: TinySpec, size: tuple[int, ...] = (3, 8, 8), **fields: Any) -> Trainer:
    split = Split(examples=np.random.default_rng(0).integers(0, 256, (64, *size), dtype=np.uint8))
    data = Dataset(name="random", shape=DataShape(size=size), train=split, held_out=split, fingerprint="0" * 64)
    config = {**TINY, **fields}
    variant = StyleGAN2ADA(StyleGAN2ADA.Config(**config), data.shape)
    return Trainer(variant, data, tiny_spec(FILE, config=config), torch.device("cpu"))


def applied(draw: ada.Draw, images: Tensor, p: Tensor) -> Tensor:
    matrix = draw(len(images), images.shape[2], p).to(images.dtype)
    return recoloured(images, matrix) if matrix.shape[1] == 4 else resampled(images, matrix)


@pytest.mark.parametrize("channels", [1, 3])
def test_probability_zero_is_the_identity_bit_for_bit(channels: int) -> None:
    images = torch.randn(64, channels, 9, 9)
    assert torch.equal(augmented(images, NEVER), images)
    assert not any(torch.equal(before, after) for before, after in zip(images, augmented(images, ALWAYS), strict=True))


def test_an_image_without_a_change_is_left_bit_for_bit_among_others_with_one() -> None:
    images = torch.randn(400, 3, 8, 8)
    changed = (augmented(images, torch.tensor(0.05)) != images).flatten(1).any(1).float().mean().item()
    # nothing changes an image with probability (1 - p)^13 with the two turns as one, and no coin or whole shift that leaves it
    assert 0.25 < changed < 1 - 0.95**13 + 0.07


@pytest.mark.parametrize("draw", [*PLACES, *COLOUR], ids=lambda draw: draw.__name__)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_change_is_none_at_zero_keeps_the_form_and_is_differentiable_twice(draw: ada.Draw, channels: int) -> None:
    images = torch.randn(2, channels, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.equal(applied(draw, images, NEVER), images)
    assert applied(draw, images, ALWAYS).shape == images.shape

    def change(x: Tensor) -> Tensor:
        torch.default_generator.manual_seed(3)
        return applied(draw, x, ALWAYS)

    assert gradcheck(change, images)
    assert gradgradcheck(lambda x: change(x).square(), images)


@pytest.mark.parametrize("draw", [*PLACES, *COLOUR], ids=lambda draw: draw.__name__)
def test_each_change_comes_with_its_probability(draw: ada.Draw) -> None:
    matrix = draw(20_000, 64, torch.tensor(0.3))
    changed = (matrix != torch.eye(matrix.shape[1])).flatten(1).any(1).float().mean().item()
    # Karras et al. 2020, appendix B: a coin leaves half of the flips, one of four turns is none; a turn comes twice, so that one of both
    # has the probability; a shift by less than half a pixel along both axes rounds to none (here 1 in 16^2, twice a half pixel at 0)
    expected = {ada.flip: 0.15, ada.quarter_turn: 0.225, ada.luma_flip: 0.15, ada.turn: 1 - 0.7**0.5, ada.whole_shift: 0.3 * (1 - 16**-2)}
    assert changed == pytest.approx(expected.get(draw, 0.3), abs=0.015)


def test_strengths_are_the_papers() -> None:
    # Karras et al. 2020, appendix B: deviations of binary logarithms 0.2, 0.2, 0.5, 1; of shifts 1/8 of the side, of brightness 0.2
    n, side = 50_000, 32
    isotropic, anisotropic = ada.isotropic_scale(n, side, ALWAYS), ada.anisotropic_scale(n, side, ALWAYS)
    assert torch.equal(isotropic[:, 0, 0], isotropic[:, 1, 1])
    torch.testing.assert_close(anisotropic[:, 0, 0] * anisotropic[:, 1, 1], torch.ones(n))
    contrast, saturation = ada.contrast(n, side, ALWAYS), ada.saturation(n, side, ALWAYS)
    chroma = torch.tensor([1.0, -1.0, 0.0, 0.0]) / 2**0.5
    normals = {
        0.2: [isotropic[:, 0, 0].log2(), anisotropic[:, 0, 0].log2(), ada.brightness(n, side, ALWAYS)[:, 1, 3]],
        0.5: [contrast[:, 2, 2].log2()],
        1.0: [(chroma @ saturation @ chroma).log2()],
        side / 8: [ada.shift(n, side, ALWAYS)[:, axis, 2] for axis in (0, 1)],
    }
    for deviation, samples in normals.items():
        for sample in samples:
            assert sample.mean().item() == pytest.approx(0, abs=0.02 * deviation)
            assert sample.std().item() == pytest.approx(deviation, rel=0.02)
            assert sample.abs().lt(deviation).float().mean().item() == pytest.approx(0.6827, abs=0.01)
    whole = ada.whole_shift(n, side, ALWAYS)[:, :2, 2]
    assert set(whole.unique().tolist()) == set(range(-4, 5))
    turned = ada.turn(n, side, ALWAYS)
    angle = torch.atan2(turned[:, 1, 0], turned[:, 0, 0])
    assert angle.min() < -3.1
    assert angle.max() > 3.1
    assert angle.std().item() == pytest.approx(math.pi / 3**0.5, rel=0.02)


def test_colours_change_as_their_names_say() -> None:
    images = torch.randn(100, 3, 4, 4)
    luma, grey = images.mean(1, keepdim=True), torch.randn(100, 1, 4, 4).expand(-1, 3, -1, -1)
    hued, saturated = applied(ada.hue, images, ALWAYS), applied(ada.saturation, images, ALWAYS)
    for changed in (hued, saturated):
        torch.testing.assert_close(changed.mean(1, keepdim=True), luma, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(hued.square().sum(1), images.square().sum(1), rtol=1e-4, atol=1e-4)
    direction = functional.cosine_similarity((saturated - luma).flatten(1), (images - luma).flatten(1))
    torch.testing.assert_close(direction, torch.ones(100), rtol=1e-4, atol=0)
    for draw in (ada.hue, ada.saturation):
        torch.testing.assert_close(applied(draw, grey, ALWAYS), grey, rtol=1e-4, atol=1e-5)
    flipped = applied(ada.luma_flip, images, ALWAYS)
    inverted = (flipped - images).flatten(1).abs().amax(1) > 1e-6
    assert 30 < inverted.sum() < 70
    torch.testing.assert_close(flipped[inverted], (images - 2 * luma)[inverted], rtol=1e-4, atol=1e-5)


def test_one_channel_changes_as_grey_does_in_three() -> None:
    grey = torch.randn(50, 1, 6, 6)
    torch.manual_seed(5)
    one = augmented(grey, ALWAYS)
    torch.manual_seed(5)
    three = augmented(grey.expand(-1, 3, -1, -1), ALWAYS)
    torch.testing.assert_close(one.expand(-1, 3, -1, -1), three, rtol=1e-4, atol=1e-5)


def test_cutout_zeroes_a_square_of_half_the_side_about_a_place_in_the_image() -> None:
    # Karras et al. 2020, appendix B: the centre is uniform; along an axis 1/2 of the side is covered less what lies outside, at most
    # 1/4 at either edge and none from 1/4 inwards: 1/2 - 2 x 1/2 x (1/4)^2 = 7/16 on average
    n, side = 4_000, 16
    images = torch.ones(n, 3, side, side)
    holes = cut_out(images, ALWAYS) == 0
    assert torch.equal(holes[:, :1].expand_as(holes), holes)
    rows, columns = holes[:, 0].any(2), holes[:, 0].any(1)
    assert torch.equal(holes[:, 0], rows[:, :, None] & columns[:, None, :])
    for covered in (rows, columns):
        lengths = covered.sum(1)
        assert lengths.min() >= side // 4 and lengths.max() == side // 2
        assert torch.equal(covered.int().diff(dim=1).clamp(min=0).sum(1) + covered[:, 0].int(), torch.ones(n, dtype=torch.int64)), (
            "one piece"
        )
    assert holes.float().mean().item() == pytest.approx((7 / 16) ** 2, abs=0.004)
    some = cut_out(images, torch.tensor(0.3))
    assert (some == 0).flatten(1).any(1).float().mean().item() == pytest.approx(0.3, abs=0.03)
    odd = torch.randn(8, 1, 7, 7, dtype=torch.float64, requires_grad=True)
    assert torch.equal(cut_out(odd, NEVER), odd)
    kept = cut_out(odd, ALWAYS)
    (slope,) = torch.autograd.grad(kept.square().sum() / 2, odd)
    assert torch.equal(slope, kept)


def test_changes_follow_one_another() -> None:
    def brighter(n: int, side: int, p: Tensor) -> Tensor:
        return ada.matrices([[1, 0, 0, torch.ones(n)], [0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1]])

    def doubled(n: int, side: int, p: Tensor) -> Tensor:
        return ada.matrices([[2 * torch.ones(n), 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])

    images = torch.randn(2, 3, 4, 4)
    # `augmented` takes the colours' matrices the last first: brightness, then contrast
    assert COLOUR[:2] == (ada.brightness, ada.contrast)
    torch.testing.assert_close(recoloured(images, product((doubled, brighter), 2, 4, ALWAYS)), 2 * (images + 1))
    assert [draw.__name__ for draw in GEOMETRY] == ["isotropic_scale", "turn", "anisotropic_scale", "turn", "shift"]


@pytest.mark.parametrize(("sign", "start", "moves"), [(0.7, 0.5, 1), (0.5, 0.5, -1), (0.6, 0.5, 0), (0.2, 0.001, -1)])
def test_p_moves_as_the_sign_of_r_minus_its_target_and_not_below_zero(sign: float, start: float, moves: int) -> None:
    strength = AdaptiveProbability(0.6, 500_000)
    strength.p.fill_(start)
    for mean in (sign + 0.05, sign - 0.05, sign, sign):
        strength.observe(torch.tensor(mean, dtype=torch.float64).float())
    if moves == 0:
        strength.signs.fill_(4 * 0.6)
    strength.adjust(4, 4 * 2_500)
    assert strength.p.item() == pytest.approx(max(0.0, start + moves * 0.02), abs=1e-7)
    assert strength.signs.item() == 0


def test_p_rises_in_training_once_in_four_steps_while_real_logits_are_positive(tiny_spec: TinySpec) -> None:
    training = trainer(tiny_spec, augment_images=640, learning_rate=0.0)
    with torch.no_grad():
        training.variant.discriminator.value.bias.fill_(100.0)  # type: ignore[operator, union-attr]
    seen = []
    for _ in range(9):
        logs = training.advance(1).logs
        assert logs["augment/r_t"] == 1
        seen.append(logs["augment/p"])
    assert seen == pytest.approx(3 * [0.0] + 4 * [0.1] + 2 * [0.2])
    with torch.no_grad():
        training.variant.discriminator.value.bias.fill_(-100.0)  # type: ignore[operator, union-attr]
    assert training.advance(8).logs["augment/r_t"] == -1
    assert training.variant.augmentation.p.item() == pytest.approx(0.0, abs=1e-6)  # type: ignore[operator, union-attr]


def test_the_discriminator_sees_augmented_images_alone_in_both_steps_and_in_r1(
    tiny_spec: TinySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = trainer(tiny_spec, r1_interval=1, path_length_weight=0.0)
    marks: list[bool] = []
    monkeypatch.setattr(ada, "augmented", lambda images, p: images * 0 + 7)
    training.variant.discriminator.register_forward_pre_hook(lambda module, inputs: marks.append(bool((inputs[0] == 7).all())))
    training.advance(1)
    assert marks == 4 * [True], "real, generated, real in R1, generated in the generator's step"


def test_gradients_reach_the_generator_through_strong_augmentation(tiny_spec: TinySpec) -> None:
    for size in ((1, 8, 8), (3, 32, 32)):
        training = trainer(tiny_spec, size)
        training.variant.augmentation.p.fill_(0.8)  # type: ignore[operator, union-attr]
        before = {key: value.clone() for key, value in training.variant.generator.named_parameters()}
        tick = training.advance(16)
        assert tick.nonfinite_updates == 0
        after = dict(training.variant.generator.named_parameters())
        assert all(not torch.equal(value, after[key]) for key, value in before.items())


def test_defaults_are_the_papers_and_other_channels_are_refused() -> None:
    config = StyleGAN2ADA.Config()
    # Karras et al. 2020, sections 3 and 4: target 0.6, every four minibatches, 500k images from 0 to 1
    assert (config.augment_target, config.augment_interval, config.augment_images) == (0.6, 4, 500_000)
    with pytest.raises(RequestError, match="2 channels"):
        StyleGAN2ADA(StyleGAN2ADA.Config(**TINY), DataShape(size=(2, 8, 8)))
