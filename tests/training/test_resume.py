"""Is a trainer's state all that the next step depends on? (and would these tests see it if it were not?)"""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.dcgan import DCGAN
from ganbench import seeding
from ganbench.data import order
from ganbench.data.dataset import Dataset
from ganbench.errors import RequestError
from ganbench.plan.spec import DatasetSpec, RunSpec
from ganbench.sampling import sample
from ganbench.training.checkpoint import read_checkpoints, weights_sha256, write_checkpoint
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Batch, Logs, StepContext

TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]
CPU = torch.device("cpu")
IMAGES, POINTS = DatasetSpec(name="digits", resolution=8), DatasetSpec(name="ring8")
STEPS, CUT = 12, 7
"""The cut lies between two generator steps of the Wasserstein variants (5 critic steps to one)."""

Saved = tuple[dict[str, dict[str, Tensor]], dict[str, Any]]


def hashes(trainer: Trainer) -> dict[str, str]:
    return {name: weights_sha256(tensors) for name, tensors in trainer.weights().items()}


def saved(trainer: Trainer, folder: Path) -> Saved:
    """The trainer's state by way of the disk."""
    write_checkpoint(folder, trainer.weights(), trainer.state())
    found = next(read_checkpoints(folder, CPU))
    return found.weights, found.state


def resumed(new: Callable[[], Trainer], folder: Path, change: Callable[[Saved, Saved], None] | None = None) -> Trainer:
    """A trainer that was stopped at the cut, thrown away, built again and brought to the end.

    Args:
        new: Builds a trainer at step 0, as a fresh process would.
        folder: For the checkpoint.
        change: Spoils the checkpoint, given one of a trainer at step 0.
    """
    first = new()
    first.advance(CUT)
    checkpoint = saved(first, folder)
    second = new()
    if change is not None:
        change(checkpoint, copy.deepcopy((second.weights(), second.state())))
    second.restore(*checkpoint)
    second.advance(STEPS - second.step)
    return second


def through(new: Callable[[], Trainer]) -> Trainer:
    trainer = new()
    trainer.advance(STEPS)
    return trainer


@pytest.mark.parametrize("data", [IMAGES, POINTS], ids=["images", "points"])
@pytest.mark.parametrize("variant", ["gan", "dcgan", "wgan", "wgan_gp"])
def test_interrupted_and_resumed_equals_uninterrupted(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tmp_path: Path, variant: str, data: DatasetSpec
) -> None:
    spec = tiny_spec(variant, data)
    training = replace(spec.training, augmentation="translation" if data == IMAGES else "none", learning_rate_schedule="linear")
    spec = replace(spec, training=training)
    whole, parts = through(lambda: tiny_trainer(spec)), resumed(lambda: tiny_trainer(spec), tmp_path)
    assert hashes(parts) == hashes(whole)
    for ours, theirs in zip(parts.optimizers.values(), whole.optimizers.values(), strict=True):
        torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=0)
    assert (parts.step, parts.images_seen) == (12, 192)


@pytest.mark.parametrize("cut", [1, 4, 5, 11])
def test_any_cut_gives_the_same_bits(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tmp_path: Path, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "CUT", cut)
    spec = tiny_spec("wgan_gp")
    assert hashes(resumed(lambda: tiny_trainer(spec), tmp_path)) == hashes(through(lambda: tiny_trainer(spec)))


def test_ticks_of_any_length_give_the_same_bits(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    spec = tiny_spec("gan")
    trainer = tiny_trainer(spec)
    for steps in (1, 4, 2, 5):
        trainer.advance(steps)
    assert hashes(trainer) == hashes(through(lambda: tiny_trainer(spec)))


def test_every_random_purpose_is_used(tiny_spec: TinySpec, tiny_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests below take purposes away one by one; this one keeps their list complete."""
    used: set[str] = set()
    real = seeding.derive

    def noted(seed: int, purpose: str, *index: int) -> int:
        used.add(purpose)
        return real(seed, purpose, *index)

    monkeypatch.setattr(seeding, "derive", noted)
    through(lambda: tiny_trainer(augmented(tiny_spec("wgan_gp"))))
    assert used == {"init", "order", "latents", "augment", "step"}


def augmented(spec: RunSpec) -> RunSpec:
    """With augmentation, and with batches that pass through the 1,438 training digits more than twice."""
    return replace(spec, budget_images=12 * 256, training=replace(spec.training, augmentation="translation", batch_size=256))


@pytest.mark.parametrize("purpose", ["order", "latents", "augment", "step"])
def test_a_stream_that_ignores_its_index_gives_other_weights(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch, purpose: str
) -> None:
    spec = augmented(tiny_spec("wgan_gp"))
    honest = hashes(through(lambda: tiny_trainer(spec)))
    real = seeding.derive
    monkeypatch.setattr(seeding, "derive", lambda seed, name, *index: real(seed, name, *(() if name == purpose else index)))
    assert set(hashes(through(lambda: tiny_trainer(spec))).values()).isdisjoint(honest.values())


@pytest.mark.parametrize("purpose", ["order", "latents", "augment", "step"])
def test_a_stream_that_runs_on_instead_of_being_opened_by_index_breaks_resuming(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, purpose: str
) -> None:
    spec = augmented(tiny_spec("wgan_gp"))
    generators: dict[str, torch.Generator] = {}
    real_stream, real_global = seeding.stream, seeding.global_stream

    def running(seed: int, name: str, *index: int, device: Any = "cpu") -> torch.Generator:
        if name != purpose:
            return real_stream(seed, name, *index, device=device)
        return generators.setdefault(name, real_stream(seed, name))

    def not_opened(seed: int, name: str, *index: int, device: Any = "cpu") -> Any:
        return nullcontext() if name == purpose else real_global(seed, name, *index, device=device)

    def fresh_process() -> Trainer:
        generators.clear()
        torch.manual_seed(0)
        return tiny_trainer(spec)

    monkeypatch.setattr(seeding, "stream", running)
    monkeypatch.setattr(order, "stream", running)
    monkeypatch.setattr(seeding, "global_stream", not_opened)
    whole = hashes(through(fresh_process))
    assert hashes(through(fresh_process)) == whole, "without an interruption nothing would be noticed"
    assert set(hashes(resumed(fresh_process, tmp_path)).values()).isdisjoint(whole.values())


def drop_buffers(checkpoint: Saved, fresh: Saved) -> None:
    for name in [name for name in checkpoint[0]["raw"] if "running_" in name]:
        checkpoint[0]["raw"][name] = fresh[0]["raw"][name]


def drop_ema(checkpoint: Saved, fresh: Saved) -> None:
    checkpoint[0]["ema"] = fresh[0]["ema"]


def drop_weights(checkpoint: Saved, fresh: Saved) -> None:
    checkpoint[0]["raw"] = fresh[0]["raw"]


def drop_optimizer(name: str) -> Callable[[Saved, Saved], None]:
    def change(checkpoint: Saved, fresh: Saved) -> None:
        checkpoint[1]["optimizers"][name] = fresh[1]["optimizers"][name]

    return change


def drop_step(checkpoint: Saved, fresh: Saved) -> None:
    checkpoint[1]["step"] = fresh[1]["step"]


DROPPED = {
    "raw weights": (drop_weights, {"raw", "ema"}),
    "buffers": (drop_buffers, {"raw", "ema"}),
    "ema weights": (drop_ema, {"ema"}),
    "discriminator's optimizer": (drop_optimizer("discriminator"), {"raw", "ema"}),
    "generator's optimizer": (drop_optimizer("generator"), {"raw", "ema"}),
    "step counter": (drop_step, {"raw", "ema"}),
}


@pytest.mark.parametrize("variant", ["dcgan", "wgan", "wgan_gp"])
@pytest.mark.parametrize("part", DROPPED)
def test_no_part_of_the_state_can_be_dropped(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tmp_path: Path, variant: str, part: str
) -> None:
    spec = tiny_spec(variant)
    change, differ = DROPPED[part]
    whole, parts = through(lambda: tiny_trainer(spec)), resumed(lambda: tiny_trainer(spec), tmp_path, change)
    assert {name for name, value in hashes(parts).items() if value != hashes(whole)[name]} == differ


def test_dropped_batch_norm_statistics_show_in_the_samples(tiny_spec: TinySpec, tiny_trainer: NewTrainer, tmp_path: Path) -> None:
    spec = tiny_spec("dcgan")
    whole = through(lambda: tiny_trainer(spec))
    same, spoilt = (resumed(lambda: tiny_trainer(spec), tmp_path / str(change), change) for change in (None, drop_buffers))
    images = sample(whole.variant, 20, 0, CPU)
    assert torch.equal(sample(same.variant, 20, 0, CPU), images)
    assert not torch.equal(sample(spoilt.variant, 20, 0, CPU), images)


class Unseeded(DCGAN):
    """Adds noise from a generator that nobody seeds."""

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        generator = torch.Generator()
        generator.seed()
        noise = 0.1 * torch.randn(real.examples.shape, generator=generator)
        return super().discriminator_step(Batch(examples=real.examples + noise), ctx)


class OwnGenerator(DCGAN):
    """Adds noise from a generator that it seeds itself and that no checkpoint holds."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.noise = torch.Generator().manual_seed(0)

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        noise = 0.1 * torch.randn(real.examples.shape, generator=self.noise)
        return super().discriminator_step(Batch(examples=real.examples + noise), ctx)


class HiddenCounter(DCGAN):
    """Counts its steps in a Python attribute."""

    calls = 0

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        self.calls += 1
        return super().discriminator_step(Batch(examples=real.examples * (1 - 0.01 * self.calls)), ctx)


class CounterInBuffer(DCGAN):
    """Counts its steps where the contract says that state lives."""

    calls: Tensor

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        self.calls += 1
        return super().discriminator_step(Batch(examples=real.examples * (1 - 0.01 * self.calls)), ctx)


class NoiseFromStep(DCGAN):
    """Adds noise from torch's global generator, which the harness makes a stream of the step."""

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        return super().discriminator_step(Batch(examples=real.examples + 0.1 * torch.randn(real.examples.shape)), ctx)


def test_an_unseeded_generator_breaks_reproducibility(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    spec = tiny_spec("dcgan")
    assert hashes(through(lambda: tiny_trainer(spec, Unseeded))) != hashes(through(lambda: tiny_trainer(spec, Unseeded)))


@pytest.mark.parametrize("cls", [OwnGenerator, HiddenCounter])
def test_state_outside_parameters_and_buffers_breaks_resuming(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tmp_path: Path, cls: type[DCGAN]
) -> None:
    spec = tiny_spec("dcgan")
    whole = hashes(through(lambda: tiny_trainer(spec, cls)))
    assert hashes(through(lambda: tiny_trainer(spec, cls))) == whole
    assert hashes(resumed(lambda: tiny_trainer(spec, cls), tmp_path)) != whole


@pytest.mark.parametrize("cls", [CounterInBuffer, NoiseFromStep])
def test_state_in_buffers_and_noise_from_the_step_survive(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tmp_path: Path, cls: type[DCGAN]
) -> None:
    spec = tiny_spec("dcgan")
    whole = hashes(through(lambda: tiny_trainer(spec, cls)))
    assert hashes(resumed(lambda: tiny_trainer(spec, cls), tmp_path)) == whole


@pytest.fixture
def watched(tiny_spec: TinySpec, tiny_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Trainer, list[Tensor]]]:
    """A trainer whose real batches are noted."""
    batches: list[Tensor] = []
    real = DCGAN.discriminator_step

    def noted(self: DCGAN, batch: Batch, ctx: StepContext) -> Logs:
        batches.append(batch.examples)
        assert batch.labels is not None
        assert batch.labels.shape == (16,)
        return real(self, batch, ctx)

    monkeypatch.setattr(DCGAN, "discriminator_step", noted)
    yield tiny_trainer(tiny_spec("dcgan")), batches


def test_real_batches_are_images_in_the_unit_range_and_a_function_of_the_step(watched: tuple[Trainer, list[Tensor]]) -> None:
    trainer, batches = watched
    trainer.advance(2)
    trainer.step = 0
    trainer.advance(1)
    assert batches[0].shape == (16, 1, 8, 8)
    assert batches[0].dtype == torch.float32
    assert (batches[0].min().item(), batches[0].max().item()) == (-1, 1)
    assert torch.equal(batches[0], batches[2])
    assert not torch.equal(batches[0], batches[1])


def test_a_tick_reports_its_own_steps(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    trainer = tiny_trainer(tiny_spec("wgan"))
    first, second = trainer.advance(4), trainer.advance(3)
    assert (first.step, first.images, first.images_seen) == (4, 64, 64)
    assert (second.step, second.images, second.images_seen) == (7, 48, 112)
    of_steps = {name for name in first.logs if name.startswith(("loss", "grad"))}
    assert of_steps == {"loss/discriminator", "grad_norm/discriminator"}
    assert {name for name in second.logs if name.startswith(("loss", "grad"))} == of_steps | {"loss/generator", "grad_norm/generator"}
    assert (second.nonfinite_updates, second.first_nonfinite_step) == (0, -1)
    assert second.seconds > 0


def test_non_finite_counts_survive_a_checkpoint(tiny_spec: TinySpec, tiny_trainer: NewTrainer, tmp_path: Path) -> None:
    spec = tiny_spec("dcgan", config={"learning_rate": 1e30})
    trainer = tiny_trainer(spec)
    tick = trainer.advance(5)
    assert tick.nonfinite_updates > 0
    again = tiny_trainer(spec)
    again.restore(*saved(trainer, tmp_path))
    later = again.advance(1)
    assert later.first_nonfinite_step == tick.first_nonfinite_step
    assert later.nonfinite_updates > tick.nonfinite_updates


def test_augmenting_points_is_refused(tiny_spec: TinySpec, tiny_data: Callable[[DatasetSpec], Dataset]) -> None:
    spec = tiny_spec("gan", POINTS)
    Trainer.check(spec, tiny_data(POINTS))
    with pytest.raises(RequestError, match="ring8 holds points; use 'none'") as refusal:
        Trainer.check(replace(spec, training=replace(spec.training, augmentation="translation")), tiny_data(POINTS))
    assert "\n" not in str(refusal.value)


def test_a_batch_larger_than_the_training_split_is_refused(tiny_spec: TinySpec, tiny_data: Callable[[DatasetSpec], Dataset]) -> None:
    data = tiny_data(IMAGES)
    spec = tiny_spec("gan")

    def with_batch(size: int) -> RunSpec:
        return replace(spec, training=replace(spec.training, batch_size=size))

    Trainer.check(with_batch(len(data.train)), data)
    with pytest.raises(RequestError, match=f"more than the {len(data.train):,} training examples of digits"):
        Trainer.check(with_batch(len(data.train) + 1), data)


def test_labels_reach_the_method_and_follow_the_class_shares(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    trainer = tiny_trainer(tiny_spec("dcgan"))
    context: Any = trainer.begin(0)
    drawn: Mapping[int, int] = torch.bincount(context.labels(10_000), minlength=10)
    assert min(drawn) > 800  # ten classes of about 1,000: six standard deviations of 30 below
    assert tiny_trainer(tiny_spec("dcgan", POINTS)).begin(0).labels(3) is None
