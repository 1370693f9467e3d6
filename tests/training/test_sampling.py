"""Does example i depend on the weights, the seed and i alone?"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from baselines.dcgan import DCGAN
from baselines.gan import GAN
from ganbench.data.dataset import DataShape
from ganbench.errors import Diverged
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.sampling import CHUNK, observed, sample, to_uint8
from ganbench.training.checkpoint import weights_sha256
from ganbench.training.trainer import Trainer

CPU = torch.device("cpu")
POINTS = DatasetSpec(name="ring8")


@pytest.fixture(params=["gan", "dcgan"])
def trained(request: pytest.FixtureRequest, tiny_spec: Callable[..., RunSpec], tiny_trainer: Callable[..., Trainer]) -> Trainer:
    trainer = tiny_trainer(tiny_spec(request.param))
    trainer.advance(4)
    return trainer


@pytest.mark.parametrize(("few", "many"), [(100, 300), (1, 257), (256, 512), (255, 256)])
def test_example_i_does_not_depend_on_how_many_are_asked_for(trained: Trainer, few: int, many: int) -> None:
    assert CHUNK == 256
    images = sample(trained.variant, many, 0, CPU)
    assert images.shape == (many, 1, 8, 8)
    assert images.dtype == torch.uint8
    assert torch.equal(sample(trained.variant, few, 0, CPU), images[:few])


def test_points_come_as_floats(tiny_spec: Callable[..., RunSpec], tiny_trainer: Callable[..., Trainer]) -> None:
    points = sample(tiny_trainer(tiny_spec("gan", POINTS)).variant, 300, 0, CPU)
    assert points.shape == (300, 2)
    assert points.dtype == torch.float32


def test_chunks_and_seeds_give_other_examples(trained: Trainer) -> None:
    images = sample(trained.variant, 2 * CHUNK, 0, CPU)
    assert not torch.equal(images[:CHUNK], images[CHUNK:])
    assert not torch.equal(sample(trained.variant, 10, 1, CPU), images[:10])


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_that_the_method_is_in_changes_nothing(trained: Trainer, training: bool) -> None:
    images = sample(trained.variant, 20, 0, CPU)
    trained.variant.train(training)
    assert torch.equal(sample(trained.variant, 20, 0, CPU), images)


def test_observing_changes_no_weight_buffer_flag_or_gradient(trained: Trainer) -> None:
    variant = trained.variant
    variant.train()
    variant.discriminator.eval()  # a mixture, as a method may choose
    flags = [module.training for module in variant.modules()]
    before = weights_sha256(variant.state_dict())
    generator, gradients = variant.generator, [parameter.requires_grad for parameter in variant.parameters()]
    sample(variant, 300, 0, CPU)
    sample(variant, 20, 0, CPU, generator=trained.ema.module)
    assert weights_sha256(variant.state_dict()) == before
    assert [module.training for module in variant.modules()] == flags
    assert [parameter.requires_grad for parameter in variant.parameters()] == gradients
    assert variant.generator is generator
    trained.advance(1)  # nothing of inference mode is left behind


def test_observing_between_steps_does_not_change_training(tiny_spec: Callable[..., RunSpec], tiny_trainer: Callable[..., Trainer]) -> None:
    plain, watched = (tiny_trainer(tiny_spec("gan")) for _ in range(2))
    plain.advance(4)
    for _ in range(4):
        watched.advance(1)
        sample(watched.variant, 20, 0, CPU)
        sample(watched.variant, 20, 0, CPU, generator=watched.ema.module)
    assert weights_sha256(plain.weights()["raw"]) == weights_sha256(watched.weights()["raw"])
    assert weights_sha256(plain.weights()["ema"]) == weights_sha256(watched.weights()["ema"])


def test_an_error_while_observing_puts_everything_back(trained: Trainer) -> None:
    variant = trained.variant.train()
    own = variant.generator
    with pytest.raises(ZeroDivisionError), observed(variant, trained.ema.module):
        assert variant.generator is trained.ema.module
        assert not variant.training
        raise ZeroDivisionError
    assert variant.generator is own
    assert variant.training


def test_the_averaged_generator_is_used_when_it_is_given(trained: Trainer) -> None:
    images = sample(trained.variant, 20, 0, CPU, generator=trained.ema.module)
    assert not torch.equal(images, sample(trained.variant, 20, 0, CPU))
    trained.variant.generator = trained.ema.module
    assert torch.equal(sample(trained.variant, 20, 0, CPU), images)


class Noisy(nn.Module):
    """A generator with a noise input of its own."""

    def forward(self, latents: Tensor) -> Tensor:
        return torch.tanh(latents[:, :1, None, None] + torch.randn(len(latents), 1, 8, 8))


class Conditional(GAN):
    """Gives back its labels as pixels."""

    def generate(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        assert labels is not None
        return (labels.float() / 127.5 - 1).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)


def test_noise_inputs_are_drawn_from_a_stream(trained: Trainer) -> None:
    images = sample(trained.variant, 300, 0, CPU, generator=Noisy())
    before = torch.get_rng_state()
    torch.rand(3)
    assert torch.equal(sample(trained.variant, 20, 0, CPU, generator=Noisy()), images[:20])
    assert not torch.equal(torch.get_rng_state(), before)
    torch.set_rng_state(before)
    sample(trained.variant, 20, 0, CPU, generator=Noisy())
    assert torch.equal(torch.get_rng_state(), before)


def test_labels_follow_the_shares_and_their_index() -> None:
    config: Any = GAN.Config(latent_dim=2, generator_widths=(2,), discriminator_widths=(2,))
    variant = Conditional(config, DataShape(size=(1, 8, 8), classes=3))
    shares = torch.tensor([0.5, 0.0, 0.5])
    labels = sample(variant, 1000, 0, CPU, class_shares=shares)[:, 0, 0, 0]
    counts = torch.bincount(labels, minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] - 500) < 5 * 250**0.5
    assert torch.equal(sample(variant, 100, 0, CPU, class_shares=shares)[:, 0, 0, 0], labels[:100])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_generator_that_left_the_finite_numbers_has_diverged(bad: float) -> None:
    variant = DCGAN(DCGAN.Config(latent_dim=2, generator_width=2, discriminator_width=2), DataShape(size=(1, 8, 8)))

    class Broken(nn.Module):
        def forward(self, latents: Tensor) -> Tensor:
            images = torch.zeros(len(latents), 1, 8, 8)
            images[3, 0, 2, 2] = bad
            return images

    with pytest.raises(Diverged, match="non-finite"):
        sample(variant, 10, 0, CPU, generator=Broken())
    assert sample(variant, 3, 0, CPU, generator=Broken()).shape == (3, 1, 8, 8)


def test_levels_are_rounded_to_the_nearest_and_clamped() -> None:
    # Level v stands for v / 127.5 - 1: -1 is 0, 0 is 127.5 (rounded half to even), 1 is 255.
    values = torch.tensor([-5.0, -1.0, -1 + 0.49 / 127.5, -1 + 0.51 / 127.5, 0.0, 1 - 0.51 / 127.5, 1 - 0.49 / 127.5, 1.0, 1.5])
    assert to_uint8(values).tolist() == [0, 0, 0, 1, 128, 254, 255, 255, 255]
    assert to_uint8(values).dtype == torch.uint8


def test_every_level_survives_the_way_to_floats_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(levels.float() / 127.5 - 1), levels)
