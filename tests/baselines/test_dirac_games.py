"""Are the games of ``ganbench dirac`` those that the reference variants train, and are equal ones equal?

Every variant below takes its real steps, with its own optimizers, on a line: its generator is replaced by a point, its discriminator by
a slope, and the harness's context and updates drive it as in training. The path must be that of the game with the same name.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from baselines.blocks.losses import LOSSES, relativistic, smoothed_cross_entropy_discriminator
from baselines.blocks.penalties import dragan_penalty, gradient_penalty, zero_centred_penalty
from baselines.blocks.spectral import normalise_spectrally
from baselines.dirac import GAMES
from ganbench.data.dataset import DataShape
from ganbench.dirac.rules import Rule, adam, descent, rmsprop
from ganbench.dirac.simulation import simulate
from ganbench.registry import VARIANTS
from ganbench.training.augmentation import AUGMENTATIONS
from ganbench.training.context import HarnessContext
from ganbench.training.draws import Draws
from ganbench.training.plan import StepPlan
from ganbench.training.update import Updates
from ganbench.training.variant import Batch, Variant
from ganbench.training.watch import Watch

STEPS, BATCH = 60, 4
CPU = torch.device("cpu")
LEVELS = {loss.name: loss.level for loss in GAMES.losses}
DCGAN_ADAM, WGAN_GP_ADAM = adam(0.5, 0.999), adam(0.0, 0.9)
# loss, regulariser, its strength as it acts here, optimizer, critic steps; the variant's name and configuration
TRAINED: dict[str, tuple[tuple[str, str, float, Any, int], str, dict[str, Any]]] = {
    "gan": (("non-saturating", "none", 0.0, DCGAN_ADAM, 1), "gan", {}),
    "gan minimax": (("minimax", "none", 0.0, DCGAN_ADAM, 1), "gan", {"loss": "minimax"}),
    "dcgan": (("non-saturating", "none", 0.0, DCGAN_ADAM, 1), "dcgan", {}),
    "lsgan": (("least-squares", "none", 0.0, DCGAN_ADAM, 1), "lsgan", {}),
    "focal_gan": (("focal", "none", 0.0, DCGAN_ADAM, 1), "focal_gan", {}),
    "wgan": (("wasserstein", "clipping", 0.5, rmsprop, 5), "wgan", {"clip": 0.5}),
    "wgan_gp": (("wasserstein", "wgan-gp", 10.0, WGAN_GP_ADAM, 5), "wgan_gp", {}),
    "dragan": (("non-saturating", "wgan-gp", 10.0, adam(0.5, 0.9), 1), "dragan", {}),
    "r3gan": (("non-saturating", "r1+r2", 0.05, WGAN_GP_ADAM, 1), "r3gan", {"final_penalty_weight": 0.05, "final_beta2": 0.9}),
    "ablation lecam": (("hinge", "lecam", 0.3, DCGAN_ADAM, 1), "ablation", {"loss": "hinge", "regulariser": "lecam"}),
    "ablation r2": (("minimax", "r1", 10.0, DCGAN_ADAM, 1), "ablation", {"loss": "minimax", "regulariser": "r2"}),
    "ablation dragan": (("hinge", "wgan-gp", 10.0, DCGAN_ADAM, 1), "ablation", {"loss": "hinge", "regulariser": "dragan"}),
    "ablation relativistic": (
        ("non-saturating", "r1", 0.7, DCGAN_ADAM, 1),
        "ablation",
        {"loss": "relativistic", "regulariser": "r1", "weight": 0.7},
    ),
}


class Point(nn.Module):
    """A generator that makes one point of any latent."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.ones(1))

    def forward(self, latents: Tensor) -> Tensor:
        return self.theta.expand(len(latents), 1)


class Line(nn.Module):
    """A discriminator with one slope."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.psi, self.level = nn.Parameter(-torch.ones(1)), level

    def forward(self, points: Tensor) -> Tensor:
        return self.level + points[:, 0] * self.psi


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def harness(variant: Variant, optimizers: Mapping[str, Optimizer]) -> HarnessContext:
    """The context and the updates of real training."""
    draws = Draws(seed=0, device=CPU, latent_dim=variant.config.latent_dim, class_shares=None)
    return HarnessContext(draws=draws, updates=Updates(optimizers, Watch(CPU)), augmentation=AUGMENTATIONS["none"])


def begin(context: HarnessContext, step: int) -> Batch:
    """Begins a step on data at 0, which it returns."""
    real = Batch(examples=torch.zeros(BATCH, 1))
    context.begin(StepPlan(step=step, images_seen=step * BATCH, batch_size=BATCH, learning_rate_factor=1.0, ema_decay=0.0), real)
    return real


def trained(variant: Variant, steps: int) -> tuple[list[float], list[float]]:
    """theta and psi after every step of a variant on a line, by the harness's context and updates."""
    context = harness(variant, variant.optimizers())
    theta, psi = [1.0], [-1.0]
    for step in range(steps):
        real = begin(context, step)
        with context.draws.noise():
            variant.discriminator_step(real, context)
            variant.generator_step(context)
        theta.append(variant.generator.theta.item())  # type: ignore[union-attr, operator]
        psi.append(variant.discriminator.psi.item())  # type: ignore[union-attr, operator]
    return theta, psi


@pytest.mark.parametrize("which", list(TRAINED))
def test_a_variant_on_a_line_takes_the_path_of_its_game(which: str) -> None:
    (loss, regulariser, strength, optimizer, critic_steps), name, config = TRAINED[which]
    cls = VARIANTS.load(name)
    rates = {"learning_rate": 0.05} | ({"final_learning_rate": 0.05} if name == "r3gan" else {})
    variant = cls(cls.Config(**config, **rates), DataShape(size=(1,)))
    variant.generator, variant.discriminator = Point(), Line(LEVELS[loss])
    theta, psi = trained(variant, STEPS)
    games = replace(
        GAMES,
        losses=tuple(one for one in GAMES.losses if one.name == loss),
        regularisers=tuple(replace(one, strength=strength) for one in GAMES.regularisers if one.name == regulariser),
    )
    rule = Rule(name="", heading="", about="", optimizer=optimizer, critic_steps=critic_steps)
    paths = simulate(games, [rule], 0.05, STEPS, [(1.0, -1.0)])
    # the same operations on batches of other sizes: only rounding is different, which a penalty of weight 10 at its kink can amplify
    assert np.array(theta) == pytest.approx(paths.theta[:, 0, 0, 0, 0], abs=1e-9)
    assert np.array(psi) == pytest.approx(paths.psi[:, 0, 0, 0, 0], abs=1e-9)
    assert abs(theta[-1] - 1) > 0.1  # it has moved


def at(theta: float, psi: float) -> tuple[Tensor, Tensor, partial[Tensor]]:
    """Real and generated examples, (3, 1) each, a slope, and the critic with it."""
    slope = torch.tensor(psi, requires_grad=True)
    return torch.full((3, 1), theta), slope, partial(lambda points, slope: points[:, 0] * slope, slope=slope)


@pytest.mark.parametrize(("theta", "psi"), [(1.0, -1.0), (-0.4, 2.0), (0.3, 0.2)])
def test_what_is_called_equal_on_a_line_is_equal(theta: float, psi: float) -> None:
    fake, slope, critic = at(theta, psi)
    real = torch.zeros(3, 1)

    def slopes(*losses: Tensor) -> list[float]:
        return [torch.autograd.grad(loss, slope, retain_graph=True)[0].item() for loss in losses]

    non_saturating = LOSSES["non-saturating"][0](critic(real), critic(fake))
    pairs, smoothed = relativistic(critic(real), critic(fake)), smoothed_cross_entropy_discriminator(critic(real), critic(fake), 0.9)
    assert slopes(pairs, smoothed) == pytest.approx(slopes(non_saturating) * 2, rel=1e-12)
    assert slopes(zero_centred_penalty(critic, real)) == pytest.approx([psi], rel=1e-12)  # (psi^2 / 2)'
    assert slopes(zero_centred_penalty(critic, fake)) == pytest.approx([psi], rel=1e-12)
    mixes = torch.tensor([0.0, 0.3, 0.9])
    wgan_gp, dragan = gradient_penalty(critic, real, fake, mixes), dragan_penalty(critic, real, torch.full((3, 1), 0.7), mixes)
    assert slopes(wgan_gp, dragan) == pytest.approx([2 * (abs(psi) - 1) * math.copysign(1, psi)] * 2, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("loss", ["minimax", "non-saturating"])
@pytest.mark.parametrize("k", [0, 1, 5])
def test_unrolling_damps_like_r1_of_gamma_k_eta_half(k: int, loss: str) -> None:
    """Beside the equilibrium an unrolled slope is psi - K eta theta / 2, for the discriminator's loss has the slope theta / 2 at psi.

    The generator's gradient passes through it: theta' = (psi_K + theta dpsi_K/dtheta) / 2 = psi / 2 - K eta theta / 2. psi' = -theta / 2.
    Eigenvalues are those of R1 of gamma g = K eta / 2: trace -g and determinant 1/4. Measured by one step of the variant's own from
    (t, 0) and (0, t) with t = 1e-5, whose corrections are of order t^2, with descent in the place of Adam.
    """
    eta, tiny, rate = 0.2, 1e-5, 0.1
    cls = VARIANTS.load("unrolled_gan")
    jacobian = np.zeros((2, 2))
    for column, (theta, psi) in enumerate(((tiny, 0.0), (0.0, tiny))):
        variant = cls(cls.Config(unrolling_steps=k, unrolled_learning_rate=eta, generator_loss=loss), DataShape(size=(1,)))
        variant.generator, variant.discriminator = Point(), Line(0.0)
        with torch.no_grad():
            variant.generator.theta.fill_(theta)
            variant.discriminator.psi.fill_(psi)
        generator, discriminator = (descent([{"params": list(one.parameters()), "lr": rate}]) for one in variant.children())
        context = harness(variant, {"generator": generator, "discriminator": discriminator})
        real = begin(context, 0)
        with context.draws.noise():
            variant.generator_step(context)  # first, so that it sees the old slope
            jacobian[0, column] = (variant.generator.theta.item() - theta) / rate / tiny
            with torch.no_grad():
                variant.generator.theta.fill_(theta)
            variant.discriminator_step(real, context)
        jacobian[1, column] = (variant.discriminator.psi.item() - psi) / rate / tiny
    assert np.trace(jacobian) == pytest.approx(-k * eta / 2, abs=1e-8)
    assert np.linalg.det(jacobian) == pytest.approx(1 / 4, abs=1e-8)


def test_spectral_norm_leaves_nothing_to_learn_on_a_line() -> None:
    """psi / |psi| is a sign, whose slope is 0: no update moves the discriminator, and the generator leaves in a straight line."""
    line = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        line.weight.fill_(-0.3)
    normalise_spectrally(line)
    value = line(torch.full((1, 1), 2.0))
    assert value.item() == pytest.approx(-2.0)
    (slope,) = torch.autograd.grad(value.sum(), line.parametrizations.weight.original)  # type: ignore[union-attr, arg-type]
    assert slope.item() == pytest.approx(0.0, abs=1e-12)


def test_all_losses_that_share_networks_are_here() -> None:
    assert set(LOSSES) <= {loss.name for loss in GAMES.losses}
