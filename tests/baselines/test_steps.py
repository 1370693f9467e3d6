"""Does every step minimise its paper's loss of the logits that the discriminator gave? (the losses themselves: test_losses.py)"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_runs import trainer
from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from baselines import ablation as ablation_module
from baselines.ablation import WEIGHTS, Ablation
from baselines.improved_gan import ImprovedGAN
from ganbench.plan.spec import RunSpec
from ganbench.training.trainer import Trainer

TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]
Loss = Callable[..., Tensor]


def cross_entropy(real: Tensor, fake: Tensor, logs: dict[str, Tensor]) -> Tensor:
    return softplus(-real).mean() + softplus(fake).mean()


def hinge(real: Tensor, fake: Tensor, logs: dict[str, Tensor]) -> Tensor:
    return relu(1 - real).mean() + relu(1 + fake).mean()


def wasserstein(real: Tensor, fake: Tensor, logs: dict[str, Tensor]) -> Tensor:
    return fake.mean() - real.mean()


def focal(real: Tensor, fake: Tensor, logs: dict[str, Tensor]) -> Tensor:
    # Lin et al. 2017, eq. 4, with gamma = 2
    return ((1 - real.sigmoid()) ** 2 * softplus(-real)).mean() + (fake.sigmoid() ** 2 * softplus(fake)).mean()


DISCRIMINATOR: dict[str, Loss] = {
    **dict.fromkeys(("gan", "dcgan", "unrolled_gan", "pacgan", "stylegan2", "diffaug_gan", "stylegan2_ada", "stylegan3"), cross_entropy),
    **dict.fromkeys(("sngan", "projection_gan", "sagan", "biggan"), hinge),
    "lecam_gan": lambda real, fake, logs: hinge(real, fake, logs) + 0.3 * logs["penalty/lecam"],
    **dict.fromkeys(("contragan", "reacgan"), lambda real, fake, logs: hinge(real, fake, logs) + logs["loss/class_real"]),
    "lsgan": lambda real, fake, logs: ((real - 1).square().mean() + fake.square().mean()) / 2,
    "wgan": wasserstein,
    "wgan_gp": lambda real, fake, logs: wasserstein(real, fake, logs) + 10 * logs["penalty/gradient"],
    "dragan": lambda real, fake, logs: cross_entropy(real, fake, logs) + 10 * logs["penalty/gradient"],
    "focal_gan": focal,
    "improved_gan": lambda real, fake, logs: 0.9 * softplus(-real).mean() + 0.1 * softplus(real).mean() + softplus(fake).mean(),
    "acgan": lambda real, fake, logs: cross_entropy(real, fake, logs) + logs["loss/class_real"] + logs["loss/class_fake"],
}
"""What each discriminator minimises in a step without lazy terms; stylegan, progressive_gan, fastgan and r3gan have tests of their own."""


def truth(fake: Tensor, logs: dict[str, Tensor]) -> Tensor:
    return softplus(-fake).mean()


GENERATOR: dict[str, Loss] = {
    **dict.fromkeys(("gan", "dcgan", "dragan", "pacgan", "focal_gan"), truth),
    **dict.fromkeys(("stylegan", "stylegan2", "diffaug_gan", "stylegan2_ada", "stylegan3"), truth),
    **dict.fromkeys(("wgan", "wgan_gp", "sngan", "projection_gan", "sagan", "progressive_gan"), lambda fake, logs: -fake.mean()),
    "lsgan": lambda fake, logs: (fake - 1).square().mean() / 2,
    **dict.fromkeys(("biggan", "lecam_gan"), lambda fake, logs: -fake.mean() + 1e-4 * logs["penalty/orthogonal"]),
    **dict.fromkeys(("contragan", "reacgan"), lambda fake, logs: -fake.mean() + logs["loss/class_fake"]),
    "broken_label_flip": lambda fake, logs: softplus(fake).mean(),
}
"""What each generator minimises; acgan, improved_gan, unrolled_gan, gman, fastgan and r3gan have tests of their own."""


class Seen:
    """Watches a run's discriminator and what is minimised, without updating anything, in a step in which both networks train.

    Args:
        training: The run, at step 0.
        monkeypatch: Takes the update away.
    """

    def __init__(self, training: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.variant = training.variant
        self.context = training.begin(getattr(self.variant.config, "critic_steps", 1) - 1)
        self.batch = self.context.real
        self.outputs: list[Tensor] = []
        self.minimised: dict[str, Tensor] = {}
        self.variant.discriminator.register_forward_hook(self._judged)
        monkeypatch.setattr(self.context, "minimize", self._minimise)

    def _judged(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self.outputs.append(output[0] if isinstance(output, tuple) else output)

    def _minimise(self, name: str, loss: Tensor, **options: Any) -> None:
        assert name not in self.minimised
        self.minimised[name] = loss

    def discriminator_step(self) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Real logits, generated ones, logs."""
        logs = dict(self.variant.discriminator_step(self.batch, self.context))
        values = torch.cat(self.outputs)
        n = self.context.batch_size // getattr(self.variant.config, "pack", 1)
        return values[:n], values[n : 2 * n], logs

    def generator_step(self) -> tuple[Tensor, dict[str, Tensor]]:
        """Generated logits, logs."""
        logs = dict(self.variant.generator_step(self.context))
        return self.outputs[0], logs


@pytest.mark.parametrize("name", DISCRIMINATOR)
def test_a_discriminator_minimises_its_papers_loss(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    seen = Seen(tiny_trainer(tiny_spec(name)), monkeypatch)
    real, fake, logs = seen.discriminator_step()
    torch.testing.assert_close(seen.minimised, {"discriminator": DISCRIMINATOR[name](real, fake, logs)})


@pytest.mark.parametrize("name", GENERATOR)
def test_a_generator_minimises_its_papers_loss(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    seen = Seen(tiny_trainer(tiny_spec(name)), monkeypatch)
    fake, logs = seen.generator_step()
    torch.testing.assert_close(seen.minimised, {"generator": GENERATOR[name](fake, logs)})


@pytest.mark.parametrize("loss", ["minimax", "non-saturating"])
def test_the_unrolled_generator_goes_up_the_discriminators_loss_or_down_its_own(
    loss: str, tiny_spec: TinySpec, tiny_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen(tiny_trainer(tiny_spec("unrolled_gan", config={"unrolling_steps": 0, "generator_loss": loss})), monkeypatch)
    fakes: list[Tensor] = []
    seen.variant.generator.register_forward_hook(lambda module, inputs, output: fakes.append(output))
    seen.variant.generator_step(seen.context)
    judge = seen.variant.discriminator
    minimax = -cross_entropy(judge(seen.batch.examples), judge(fakes[0]), {})
    own = softplus(-judge(fakes[0])).mean()
    torch.testing.assert_close(seen.minimised, {"generator": minimax if loss == "minimax" else own})


def test_every_discriminator_of_gman_plays_its_own_game(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen(tiny_trainer(tiny_spec("gman")), monkeypatch)
    judges = seen.variant.judges()
    values: list[Tensor] = []
    for judge in judges:
        judge.register_forward_hook(lambda module, inputs, output: values.append(output))
    seen.variant.discriminator_step(seen.batch, seen.context)
    games = [cross_entropy(values[2 * k], values[2 * k + 1], {}) for k in range(len(judges))]
    assert len(games) > 1
    torch.testing.assert_close(seen.minimised, {"discriminator": torch.stack(games).sum()})


def test_feature_matching_compares_the_batch_with_the_generated_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(trainer(ImprovedGAN, latent_dim=4, generator_width=4, discriminator_width=4), monkeypatch)
    found: list[Tensor] = []
    seen.variant.discriminator.features.register_forward_hook(lambda module, inputs, output: found.append(output))  # type: ignore[union-attr]
    seen.variant.generator_step(seen.context)
    wanted, made = found
    assert not wanted.requires_grad and made.requires_grad and not seen.outputs
    torch.testing.assert_close(seen.minimised, {"generator": (wanted.mean(0) - made.mean(0)).square().sum()})


def test_the_minibatch_layer_tells_the_generator_what_a_logit_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"latent_dim": 4, "generator_width": 4, "discriminator_width": 4}
    seen = Seen(trainer(ImprovedGAN, generator_loss="non-saturating", **small), monkeypatch)
    slopes: list[Tensor] = []
    layer: nn.Module = seen.variant.discriminator.closeness  # type: ignore[assignment]
    layer.register_full_backward_hook(lambda module, inputs, outputs: slopes.append(outputs[0]))
    fake, logs = seen.generator_step()
    torch.testing.assert_close(seen.minimised, {"generator": truth(fake, logs)})
    seen.minimised["generator"].backward()
    appended = slopes[0][:, -seen.variant.config.kernels :]
    assert appended.abs().sum() > 0


class Squares(nn.Module):
    """D(x) = |x|^2, whose slope is 2x."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1).square().sum(1)


REAL, FAKE = torch.full((4, 1, 8, 8), 0.5), torch.full((4, 1, 8, 8), 1.5)
# |x|^2 is 16 and 144, |slope| 8 and 24
PENALTIES = {
    "none": 0.0,
    "spectral-norm": 0.0,
    "r1": 8**2 / 2,
    "r2": 24**2 / 2,
    "r1+r2": (8**2 + 24**2) / 2,
    "dragan": (8 - 1) ** 2,  # equal numbers have no deviation, so the noise is 0
    "wgan-gp": (12 - 1) ** 2,  # a quarter of the way
    "lecam": (16 - -1) ** 2 + (144 - 2) ** 2,
    "cr": (16 - 144) ** 2,  # shifted by 1
    "bcr": (16 - 144) ** 2 + (144 - 400) ** 2,
}


@pytest.mark.parametrize("regulariser", PENALTIES)
def test_an_ablations_penalty_is_the_one_it_is_named_after(regulariser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variant = trainer(Ablation, latent_dim=4, generator_width=4, discriminator_width=4, regulariser=regulariser).variant
    assert isinstance(variant, Ablation)
    variant.discriminator = Squares()
    monkeypatch.setattr(ablation_module, "translation", lambda images: images + 1)
    monkeypatch.setattr(torch, "rand", lambda size, device: torch.full(size if isinstance(size, tuple) else (size,), 0.25))
    real_values, fake_values = variant.discriminator(REAL), variant.discriminator(FAKE)
    penalty = variant.penalty(REAL, FAKE, real_values, fake_values, torch.tensor([2.0, -1.0]))
    assert penalty.item() == pytest.approx(PENALTIES[regulariser])


@pytest.mark.parametrize("weight", [None, 0.25])
@pytest.mark.parametrize("regulariser", WEIGHTS)
def test_an_ablations_penalty_enters_the_loss_with_its_weight(
    regulariser: str, weight: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"latent_dim": 4, "generator_width": 4, "discriminator_width": 4}
    seen = Seen(trainer(Ablation, regulariser=regulariser, weight=weight, **small), monkeypatch)
    real, fake, logs = seen.discriminator_step()
    assert logs["penalty/regulariser"] > 0
    expected = cross_entropy(real, fake, logs) + (WEIGHTS[regulariser] if weight is None else weight) * logs["penalty/regulariser"]
    torch.testing.assert_close(seen.minimised, {"discriminator": expected})


def test_lecams_averages_follow_the_values_and_anchor_without_their_start(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"latent_dim": 4, "generator_width": 4, "discriminator_width": 4}
    seen = Seen(trainer(Ablation, regulariser="lecam", loss="hinge", **small), monkeypatch)
    real, fake, logs = seen.discriminator_step()
    averages: Any = seen.variant.averages
    assert averages.tolist() == pytest.approx([0.01 * real.mean().item(), 0.01 * fake.mean().item()])
    # after one step the averages, freed of their start at 0, are that step's means
    expected = (real - fake.mean()).square().mean() + (fake - real.mean()).square().mean()
    torch.testing.assert_close(logs["penalty/regulariser"], expected)


def test_packs_of_shared_latents_hold_one_sample_twice(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, shared in (("broken_shared_latents", True), ("pacgan", False)):
        seen = Seen(tiny_trainer(tiny_spec(name)), monkeypatch)
        latents: list[Tensor] = []
        seen.variant.generator.register_forward_pre_hook(lambda module, inputs, kept=latents: kept.append(inputs[0]))
        seen.discriminator_step()
        seen.generator_step()
        assert [torch.equal(z[0::2], z[1::2]) for z in latents] == [shared, shared]
