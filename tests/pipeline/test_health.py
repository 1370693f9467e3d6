"""Are signals of a training's health recorded without a change of the weights, and does a run end when it asks to?"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganbench.diagnostics.collapse import ended_over_best
from ganbench.pipeline.cell import run_cell
from ganbench.pipeline.course import collapse, history
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import DatasetSpec, EvaluationSpec, RunSpec, TrainingSpec, identity, run_id
from ganbench.plan.variant_config import variant_spec
from ganbench.results.events import EventLog
from ganbench.results.record import Record, read_record

TinySpec = Callable[..., RunSpec]
ON, OFF = Runtime(device="cpu", tick_images=64), Runtime(device="cpu", tick_images=64, health="off")
DYING = '''
"""Which method dies after its sixth step?"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import SGD

from ganbench.training.variant import Variant


class Dying(Variant):
    """A linear generator that starts as wide as the ring, and then always gives one point."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        latent_dim: int = 2

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.generator, self.discriminator = nn.Linear(2, 2), nn.Linear(2, 1)
        with torch.no_grad():
            self.generator.weight.copy_(torch.eye(2))

    def optimizers(self):
        return {name: SGD(getattr(self, name).parameters(), lr=1e-3) for name in ("generator", "discriminator")}

    def discriminator_step(self, real, ctx):
        loss = self.discriminator(self.generate(ctx.latents(ctx.batch_size)).detach()).mean() - self.discriminator(real.examples).mean()
        ctx.minimize("discriminator", loss)
        return {"loss/discriminator": loss}

    def generator_step(self, ctx):
        loss = -self.discriminator(self.generate(ctx.latents(ctx.batch_size))).mean()
        ctx.minimize("generator", loss)
        if ctx.step >= 6:
            with torch.no_grad():
                self.generator.weight.zero_()
        return {"loss/generator": loss}
'''


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [event for event in EventLog(folder / "events.jsonl") if event["kind"] == kind]


def run(spec: RunSpec, folder: Path, runtime: Runtime = ON) -> Record:
    return run_cell(spec, folder, runtime)


@pytest.mark.parametrize("variant", ["dcgan", "sngan", "stylegan2_ada"])
def test_signals_change_no_weight(tiny_spec: TinySpec, tmp_path: Path, variant: str) -> None:
    """Spectral norm and the augmentation of StyleGAN2-ADA keep state that a forward pass could change."""
    spec = tiny_spec(variant)
    with_signals, without = run(spec, tmp_path / "on"), run(spec, tmp_path / "off", OFF)
    assert with_signals.weights_sha256 == without.weights_sha256
    assert [score.value for score in with_signals.scores] == [score.value for score in without.scores]
    assert not events(tmp_path / "off", "health")
    assert set(events(tmp_path / "off", "tick")[0]["logs"]).isdisjoint({"logit_sd/real", "weight_norm/generator"})


def test_every_evaluation_and_tick_has_its_signals(tiny_spec: TinySpec, tmp_path: Path) -> None:
    spec = tiny_spec("dcgan")
    spec = replace(spec, evaluation=replace(spec.evaluation, every_images=64))
    run(spec, tmp_path)
    seen = [event["images_seen"] for event in events(tmp_path, "health")]
    assert seen == sorted({event["images_seen"] for event in events(tmp_path, "evaluation")}) and len(seen) > 2
    assert all({"value/train", "rank/generator"} <= event["signals"].keys() for event in events(tmp_path, "health"))
    logs = events(tmp_path, "tick")[0]["logs"]
    assert {
        "logit/real",
        "logit_sd/real",
        "logit_positive/fake",
        "weight_norm/discriminator",
        "update_ratio/generator",
        "ema_gap",
    } <= logs.keys()
    found = history(EventLog(tmp_path / "events.jsonl"))
    assert len(found.ticks) == len(events(tmp_path, "tick")) and len(found.probes) == len(seen)


def test_alarms_are_in_the_record(tmp_path: Path) -> None:
    spec = dying(tmp_path, stop=False)
    record = run(spec, tmp_path / "run")
    assert "lost diversity" in {alarm.rule for alarm in record.alarms}
    assert read_record(tmp_path / "run" / "record.json").alarms == record.alarms


def dying(folder: Path, stop: bool) -> RunSpec:
    path = folder / "dying.py"
    path.write_text(DYING)
    return RunSpec(
        variant=variant_spec(f"{path}:Dying", {}, "test"),
        dataset=DatasetSpec(name="ring8"),
        seed=0,
        budget_images=20 * 64,
        training=TrainingSpec(batch_size=64, stop_on_collapse=stop),
        evaluation=EvaluationSpec(extractor="identity", metrics=("fd",), n_fake=200, n_real=200, every_images=2 * 64),
    )


def test_a_run_that_asks_to_ends_when_it_has_collapsed_for_good(tmp_path: Path) -> None:
    """Dead after step 7; evaluations after 8, 10 and 12 steps see it, and the third ends the run of 20 steps."""
    stopped = run(dying(tmp_path, stop=True), tmp_path / "stopped")
    whole = run(dying(tmp_path, stop=False), tmp_path / "whole")
    assert (stopped.status, stopped.images_seen) == ("diverged", 12 * 64)
    assert (whole.status, whole.images_seen) == ("diverged", 20 * 64)
    assert stopped.divergence is not None and whole.divergence is not None
    assert stopped.divergence.kind == whole.divergence.kind == "variance"
    assert stopped.divergence.images_seen == whole.divergence.images_seen == 8 * 64
    assert "ended by stop_on_collapse after 768 images" in stopped.notes


def test_stopping_belongs_to_the_identity_only_where_it_is_asked_for(tiny_spec: TinySpec) -> None:
    spec = tiny_spec("dcgan")
    assert run_id(replace(spec, training=replace(spec.training, stop_on_collapse=True))) != run_id(spec)
    assert "stop_on_collapse" not in json.dumps(identity(spec))


def test_a_resumed_run_has_every_signal_once(tiny_spec: TinySpec, tmp_path: Path) -> None:
    spec = tiny_spec("dcgan")
    spec = replace(spec, evaluation=replace(spec.evaluation, every_images=64))
    run(spec, tmp_path)
    (tmp_path / "record.json").unlink()
    record = run(spec, tmp_path)
    seen = [event["images_seen"] for event in events(tmp_path, "health")]
    assert seen == sorted(set(seen))
    assert record.status == "done"


def test_the_middle_of_a_run_is_judged_more_patiently_than_its_end(tmp_path: Path) -> None:
    run(dying(tmp_path, stop=False), tmp_path / "run")
    log = EventLog(tmp_path / "run" / "events.jsonl")
    assert collapse(log) is not None and collapse(log, lasting=True) is not None
    log.truncate(10 * 64)  # two evaluations of the dead generator
    assert collapse(log) is not None and collapse(log, lasting=True) is None


def test_how_much_worse_the_end_is_than_the_best_beyond_noise() -> None:
    golden = read_record(Path(__file__).parents[1] / "golden" / "record-v1.json")
    score = next(one for one in golden.scores if one.is_distance)
    share = replace(score, higher_is_better=True)
    narrow, wide = 0.196, 19.6  # half-widths of 95 % intervals with standard deviations of 0.1 and 10

    def ended(*values: float, half: float = narrow, like: Any = score) -> float | None:
        series = [replace(like, value=value, ci_low=value - half, ci_high=value + half) for value in values]
        return ended_over_best([replace(golden.evaluations[0], images_seen=100 * n, scores=(one,)) for n, one in enumerate(series)])

    assert ended(99.0, 50.0, 20.0, 30.0) == pytest.approx(1.5)  # the untrained start does not count
    assert ended(99.0, 50.0, 20.0, 30.0, half=wide) == 1
    assert ended(0.1, 0.5, 2.0, 1.0, like=share) == pytest.approx(2)
    assert ended(99.0, -1.0, 2.0) is None and ended(99.0) is None
