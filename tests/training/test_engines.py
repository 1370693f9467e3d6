"""Is a planned step carried out whole, in its order and in its number formats?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from baselines.wgan import WGAN
from ganbench.plan.spec import RunSpec
from ganbench.training.engines import ENGINES
from ganbench.training.trainer import Trainer
from ganbench.training.variant import Batch, Logs, StepContext
from ganbench.training.watch import Watch

TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]
EVENTS: list[str] = []


@contextmanager
def noted() -> Iterator[None]:
    EVENTS.append("formats on")
    yield
    EVENTS.append("formats off")


class Noting(WGAN):
    """Notes its steps and the mode that it is in."""

    def discriminator_step(self, real: Batch, ctx: StepContext) -> Logs:
        EVENTS.append(f"discriminator, training {self.training}")
        return super().discriminator_step(real, ctx)

    def generator_step(self, ctx: StepContext) -> Logs:
        EVENTS.append("generator")
        return super().generator_step(ctx)


def test_an_eager_step_is_both_updates_and_then_the_average(tiny_spec: TinySpec, tiny_trainer: NewTrainer, monkeypatch: Any) -> None:
    EVENTS.clear()
    trainer = tiny_trainer(tiny_spec("wgan"), Noting)
    decays: list[float] = []
    monkeypatch.setattr(trainer.ema, "update", lambda generator, decay: EVENTS.append("average") or decays.append(decay))
    trainer.variant.eval()
    watch = Watch(torch.device("cpu"))
    context = trainer.begin(4)
    ENGINES["eager"](variant=trainer.variant, ema=trainer.ema, watch=watch, precision=noted)(context)
    assert EVENTS == ["formats on", "discriminator, training True", "generator", "formats off", "average"]
    assert decays == [context.plan.ema_decay]
    assert set(watch.read()) == {"loss/discriminator", "loss/generator"}  # norms go to the run's own


def test_the_periods_that_a_method_asks_for_tell_its_kinds_of_steps_apart(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    trainer = tiny_trainer(tiny_spec("wgan"))
    trainer.one_step()
    assert trainer.context.asked == {5}
    assert [bool(trainer.begin(step).plan.kind(trainer.context.asked)) for step in range(6)] == [False] * 4 + [True, False]


def test_products_are_exact_in_training_and_left_alone_elsewhere(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    trainer, product = tiny_trainer(tiny_spec("wgan")), torch.backends.cudnn.conv
    seen: list[str] = []
    trainer.variant.discriminator.register_forward_hook(lambda *_: seen.append(product.fp32_precision))
    before = product.fp32_precision
    product.fp32_precision = "tf32"
    try:
        trainer.advance(1)
        assert set(seen) == {"ieee"}
        assert product.fp32_precision == "tf32"
    finally:
        product.fp32_precision = before
