"""Does a step that is recorded once and replayed train like one that is executed operation by operation?

The recorder here is a tape for CPUs, whose rules are those of a CUDA graph (conftest.py).
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from baselines.wgan import WGAN
from ganbench.data.dataset import Dataset
from ganbench.errors import RequestError
from ganbench.plan.spec import DatasetSpec, RunSpec, TrainingSpec
from ganbench.registry import VARIANTS
from ganbench.spans import heard
from ganbench.timing.stopwatch import Stopwatch
from ganbench.training.building import build
from ganbench.training.checkpoint import read_checkpoints, weights_sha256, write_checkpoint
from ganbench.training.trainer import Tick, Trainer
from ganbench.training.trial import distance, refusal
from ganbench.training.variant import Batch, Logs, StepContext, Variant

TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]
CPU = torch.device("cpu")
COLOUR = DatasetSpec(name="noise", resolution=8)
NAMES = VARIANTS.names()
SETTLED = 6
"""Steps after which the smallest growing networks are grown, and others have had their first step."""


def config_of(variant: str) -> dict[str, Any]:
    """With labels, and without a burn-in, in which every step has other numbers."""
    wanted = {"conditional": True, "burn_in_images": 1}
    return {name: value for name, value in wanted.items() if hasattr(VARIANTS.load(variant).Config(), name)}


def executed(trainer: Trainer, steps: int) -> Tick:
    """Advances without replays: a listener wants to hear of every part of a step."""
    with heard(Stopwatch(trainer.device)):
        return trainer.advance(steps)


def assert_equal_bits(one: Trainer, other: Trainer) -> None:
    for side in ("raw", "ema"):
        assert weights_sha256(one.weights()[side]) == weights_sha256(other.weights()[side])


@pytest.mark.parametrize("variant", NAMES)
def test_replayed_steps_have_the_bits_of_executed_ones(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tapes: list[Any], variant: str
) -> None:
    spec = tiny_spec(variant, COLOUR, config=config_of(variant), budget_images=50 * 16)
    replayed, other = (tiny_trainer(spec, engine="graph") for _ in range(2))
    replayed.advance(SETTLED)
    steps = 2 * max(replayed.context.asked, default=1) + 4
    ours = replayed.advance(steps)
    assert replayed.engine_reason == ""
    assert tapes[0].replayed >= steps // 2
    executed(other, SETTLED)
    theirs = executed(other, steps)
    assert tapes[1].replayed == 0
    assert ours.logs == theirs.logs
    assert_equal_bits(replayed, other)


def test_schedules_of_rates_and_averages_reach_a_replayed_step(tiny_spec: TinySpec, tiny_trainer: NewTrainer, tapes: list[Any]) -> None:
    training = TrainingSpec(
        batch_size=16, learning_rate_schedule="cosine", ema_halflife_images=200, ema_rampup=0.5, augmentation="translation"
    )
    spec = tiny_spec("dcgan", COLOUR, training=training)
    replayed, other = (tiny_trainer(spec, engine="graph") for _ in range(2))
    replayed.advance(12)
    executed(other, 12)
    assert tapes[0].replayed == 11
    assert_equal_bits(replayed, other)


def test_a_network_that_grows_is_recorded_anew_and_a_fade_is_executed(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tapes: list[Any]
) -> None:
    config = {"stage_images": 96, "fade_images": 48, "channel_max": 4, "latent_dim": 8}
    spec = tiny_spec("progressive_gan", COLOUR, config=config, budget_images=20 * 16)
    replayed, other = (tiny_trainer(spec, engine="graph") for _ in range(2))
    counts = []
    for _ in range(20):
        replayed.advance(1)
        counts.append(tapes[0].replayed)
    executed(other, 20)
    assert [b - a for a, b in pairwise(counts)] == [1] * 5 + [0] * 3 + [0] + [0] + [1] * 9  # six of the first stage, three of the fade
    assert_equal_bits(replayed, other)


def test_a_burn_in_is_executed_and_what_follows_replayed(tiny_spec: TinySpec, tiny_trainer: NewTrainer, tapes: list[Any]) -> None:
    trainer = tiny_trainer(tiny_spec("r3gan", COLOUR, config={"burn_in_images": 5 * 16}), engine="graph")
    trainer.advance(6)
    assert tapes[0].replayed == 0
    trainer.advance(4)
    assert tapes[0].replayed == 4
    assert trainer.engine_reason == ""


class Reading(WGAN):
    """Reads a counter itself."""

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        assert ctx.step >= 0
        return super().discriminator_step(real, ctx)


class Asking(WGAN):
    """Asks the device for a number."""

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        assert real.examples.mean().item() < 2
        return super().discriminator_step(real, ctx)


class Renewing(WGAN):
    """Puts a new buffer in the place of the old one."""

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        self.register_buffer("seen", real.examples.mean())
        return super().discriminator_step(real, ctx)


@pytest.mark.parametrize(
    ("cls", "reason"),
    [
        (Reading, "a step reads ctx.step, which changes from step to step (ctx.scheduled would do)"),
        (Asking, "RuntimeError: a recorded step reads a number back"),
        (Renewing, "every step replaces seen instead of writing into it"),
    ],
)
def test_what_no_recording_can_follow_is_executed_with_a_reason(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tapes: list[Any], cls: type[Variant], reason: str
) -> None:
    spec = tiny_spec("wgan", COLOUR)
    trainer, other = (tiny_trainer(spec, cls, engine="graph") for _ in range(2))
    ours = trainer.advance(12)
    assert trainer.engine_reason == reason
    assert tapes[0].replayed == 0
    assert ours.logs == executed(other, 12).logs
    assert_equal_bits(trainer, other)


@pytest.mark.gpu
@pytest.mark.parametrize("cls", [Reading, Asking, Renewing])
def test_on_a_gpu_too_training_goes_on_after_a_recording_that_failed(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, cls: type[Variant]
) -> None:
    spec = tiny_spec("wgan", COLOUR)
    trainer, other = (tiny_trainer(spec, cls, on="cuda", engine="graph") for _ in range(2))
    ours = trainer.advance(12)
    assert trainer.engine_reason
    assert ours.logs == executed(other, 12).logs
    assert_equal_bits(trainer, other)


@pytest.mark.gpu
@pytest.mark.parametrize("engine", ["graph", "graph-channels-last"])
@pytest.mark.parametrize("variant", ["dcgan", "gan", "wgan", "wgan_gp", "stylegan2_ada", "progressive_gan"])
def test_on_a_gpu_replayed_steps_have_the_bits_of_executed_ones(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, variant: str, engine: str
) -> None:
    spec = tiny_spec(variant, COLOUR, config=config_of(variant), budget_images=50 * 16)
    replayed, other = (tiny_trainer(spec, on="cuda", engine=engine) for _ in range(2))
    assert replayed.advance(40).logs == executed(other, 40).logs
    assert replayed.engine_reason == ""
    assert_equal_bits(replayed, other)


class Ending(WGAN):
    """Its critic's loss is infinite from the seventh step on, which only the device knows."""

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        late = ctx.counter() >= 6 * ctx.step_images
        loss = self.discriminator(real.examples).mean() / torch.where(late, 0.0, 1.0)
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss}


def test_a_replayed_step_counts_what_is_not_finite_under_its_own_number(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tapes: list[Any]
) -> None:
    trainer = tiny_trainer(tiny_spec("wgan", COLOUR), Ending, engine="graph")
    tick = trainer.advance(9)
    assert tapes[0].replayed > 4
    assert (tick.first_nonfinite_step, tick.nonfinite_updates) == (6, 3)


def test_a_checkpoint_goes_from_one_engine_to_another(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, tapes: list[Any], tmp_path: Path
) -> None:
    spec = tiny_spec("dcgan", COLOUR)
    graph, eager, after = (tiny_trainer(spec, engine=engine) for engine in ("graph", "eager", "eager"))
    graph.advance(4)
    eager.advance(4)
    ours, theirs = (trainer.state()["optimizers"]["generator"]["param_groups"] for trainer in (graph, eager))
    assert ours == theirs
    write_checkpoint(tmp_path, graph.weights(), {**graph.state(), "run_id": "x"})
    (found,) = read_checkpoints(tmp_path, CPU, "x", [])
    after.restore(found.weights, found.state)
    after.advance(4)
    eager.advance(4)
    assert distance(after.variant, eager.variant, tiny_trainer(spec).variant) < 0.01


def test_a_new_function_in_every_step_is_refused(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    context = tiny_trainer(tiny_spec("wgan")).begin(0)
    with pytest.raises(RequestError, match="pass the same one in every step"):
        for _ in range(100):
            context.scheduled(lambda counters: counters.step)


def test_an_engine_that_trains_on_stale_numbers_is_refused(
    tiny_spec: TinySpec, tiny_data: Callable[[DatasetSpec], Dataset], tapes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tiny_spec("dcgan", COLOUR)
    data = tiny_data(spec.dataset)
    variant = build(spec, data, CPU)
    assert refusal("graph", variant, data, spec, CPU) == refusal("graph-channels-last", variant, data, spec, CPU) == ""
    monkeypatch.setattr("ganbench.training.engines.graph.refill", lambda handed, step: None)
    assert "of their length from eager's weights" in refusal("graph", variant, data, spec, CPU)


def test_an_engine_that_loses_its_weights_is_refused(
    tiny_spec: TinySpec, tiny_data: Callable[[DatasetSpec], Dataset], tapes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tiny_spec("dcgan", COLOUR)
    data = tiny_data(spec.dataset)
    monkeypatch.setattr("ganbench.training.engines.graph.refill", lambda handed, step: [tensor.fill_(torch.nan) for tensor, _ in handed])
    assert refusal("graph", build(spec, data, CPU), data, spec, CPU).startswith("after 3 steps it is nan")


def test_an_engine_that_executes_every_step_is_not_taken(
    tiny_spec: TinySpec, tiny_data: Callable[[DatasetSpec], Dataset], tapes: list[Any]
) -> None:
    spec = tiny_spec("wgan", COLOUR)
    data = tiny_data(spec.dataset)
    assert refusal("graph", Reading(WGAN.Config(**spec.variant.config), data.shape), data, spec, CPU).startswith("a step reads ctx.step")


def test_there_are_no_graphs_on_a_cpu(tiny_spec: TinySpec, tiny_data: Callable[[DatasetSpec], Dataset]) -> None:
    spec = tiny_spec("dcgan")
    data = tiny_data(spec.dataset)
    for engine in ("graph", "graph-channels-last"):
        assert refusal(engine, build(spec, data, CPU), data, spec, CPU) == "graphs are of CUDA devices"
