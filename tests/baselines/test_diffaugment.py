"""Is the fixed augmentation differentiable, of the published strength, and seen by real and generated images alike?"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import baselines.diffaug_gan
from baselines.blocks import diffaugment
from baselines.blocks.diffaugment import AUGMENTATIONS, augmented, brightness, contrast, cutout, saturation, translation
from baselines.diffaug_gan import DiffAugGAN
from ganbench.data.dataset import DataShape
from ganbench.errors import UnknownName
from ganbench.plan.spec import RunSpec
from ganbench.training.trainer import Trainer

N = 4000
TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]


def images(n: int = N, channels: int = 3, side: int = 8) -> Tensor:
    return torch.rand(n, channels, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_brightness_adds_one_number_an_image_between_minus_and_plus_a_half() -> None:
    added = (brightness(images()) - images()).flatten(1)
    torch.testing.assert_close(added, added[:, :1].expand_as(added))
    assert -0.5 <= added.min() < -0.49 and 0.49 < added.max() < 0.5
    assert abs(added.mean().item()) < 5 * (1 / 12 / N) ** 0.5


def test_saturation_keeps_grey_and_scales_the_rest_by_up_to_two() -> None:
    before, after = images(), saturation(images())
    torch.testing.assert_close(after.mean(1), before.mean(1))
    factors = ((after - after.mean(1, keepdim=True)) / (before - before.mean(1, keepdim=True))).flatten(1).median(1).values
    assert 0 <= factors.min() < 0.02 and 1.98 < factors.max() < 2
    torch.testing.assert_close(saturation(images(channels=1)), images(channels=1))


def test_contrast_keeps_the_mean_and_scales_the_rest_between_a_half_and_one_and_a_half() -> None:
    before, after = images(), contrast(images())
    torch.testing.assert_close(after.mean((1, 2, 3)), before.mean((1, 2, 3)))
    factors = after.std((1, 2, 3)) / before.std((1, 2, 3))
    assert 0.5 <= factors.min() < 0.51 and 1.49 < factors.max() < 1.5


def test_translation_moves_by_up_to_an_eighth_and_fills_with_grey() -> None:
    marked = torch.zeros(N, 1, 16, 16)
    marked[:, :, 8, 8] = 1.0
    moved = translation(marked).flatten(1).argmax(1)
    offsets = {(int(place) // 16 - 8, int(place) % 16 - 8) for place in moved}
    assert offsets == {(y, x) for y in range(-2, 3) for x in range(-2, 3)}
    assert set(translation(torch.ones(50, 1, 16, 16)).unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("height", "width", "reach"), [(8, 10, (1, 1)), (12, 18, (2, 2)), (28, 20, (4, 3)), (16, 32, (2, 4)), (3, 4, (0, 1))]
)
def test_translation_rounds_an_eighth_as_the_authors(height: int, width: int, reach: tuple[int, int]) -> None:
    # int(side * 0.125 + 0.5) in mit-han-lab/data-efficient-gans
    marked = torch.zeros(N, 1, height, width)
    marked[:, :, height // 2, width // 2] = 1.0
    moved = translation(marked).flatten(1).argmax(1)
    rows, columns = moved // width - height // 2, moved % width - width // 2
    assert set(rows.tolist()) == set(range(-reach[0], reach[0] + 1))
    assert set(columns.tolist()) == set(range(-reach[1], reach[1] + 1))


@pytest.mark.parametrize(("side", "half"), [(8, 4), (7, 4), (5, 3), (28, 14)])
def test_cutout_rounds_half_a_side_as_the_authors(side: int, half: int) -> None:
    cut = cutout(torch.ones(N, 1, side, side)) == 0
    assert cut.any(3).sum((1, 2)).max() == cut.any(2).sum((1, 2)).max() == half


def test_cutout_greys_a_square_of_half_the_side_that_may_leave_the_image() -> None:
    cut = cutout(torch.ones(N, 1, 8, 8)) == 0
    rows, columns = cut.any(3).sum((1, 2)), cut.any(2).sum((1, 2))
    assert torch.equal(cut.sum((1, 2, 3)), rows * columns), "what is cut is a rectangle"
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 4, 2, 4)
    assert cut.any(0).all(), "every pixel can be cut"


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_part_is_differentiable_twice_and_linear_in_the_images(name: str, channels: int) -> None:
    few = images(2, channels).requires_grad_()

    def once(x: Tensor) -> Tensor:
        with torch.random.fork_rng():
            torch.default_generator.manual_seed(3)  # torch.manual_seed writes down the whole stack, for a CUDA device that may come
            return AUGMENTATIONS[name](x)

    assert once(few).shape == few.shape
    assert torch.autograd.gradcheck(once, (few,))
    assert torch.autograd.gradgradcheck(lambda x: once(x).square().sum((1, 2, 3)), (few,))
    torch.testing.assert_close(once(few) - once(torch.zeros_like(few)), once(2 * few) - once(few))


def test_a_policy_is_its_parts_in_order_and_an_empty_one_the_identity() -> None:
    few = images(3)
    assert augmented(few, "") is few
    with torch.random.fork_rng():
        torch.manual_seed(5)
        expected = diffaugment.cutout(diffaugment.color(few))
        torch.manual_seed(5)
        assert torch.equal(augmented(few, "color,cutout"), expected)
    with pytest.raises(UnknownName, match="unknown part of diffaug_gan's policy 'colour'; did you mean 'color'"):
        DiffAugGAN(DiffAugGAN.Config(channel_max=4, policy="colour"), DataShape(size=(3, 8, 8)))


def test_real_and_generated_images_are_augmented_in_both_steps(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = tiny_trainer(tiny_spec("diffaug_gan", config={"r1_interval": 2}))
    seen: list[Tensor] = []

    def noted(examples: Tensor, policy: str) -> Tensor:
        seen.append(examples)
        assert policy == trainer.variant.config.policy
        return augmented(examples, policy)

    monkeypatch.setattr(baselines.diffaug_gan, "augmented", noted)
    judged: list[Any] = []
    trainer.variant.discriminator.register_forward_hook(lambda module, inputs, output: judged.append(inputs[0]))
    trainer.advance(1)
    assert len(seen) == len(judged) == 3  # real and generated in the discriminator's step, generated in the generator's
    assert not any(torch.equal(a, b) for a, b in zip(seen, judged, strict=True))
    trainer.advance(1)
    assert len(seen) == len(judged) == 3 + 4  # and R1's real images in every second step
