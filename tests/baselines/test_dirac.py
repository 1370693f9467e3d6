"""Do the losses move the Dirac-GAN as the theory says?

Data are a point at 0, the generator is a point theta, the discriminator the line psi x (Mescheder et al. 2018).
Closed forms: gradient descent on both at once multiplies the radius by sqrt(1 + h^2) (Wasserstein) a step, and
by sqrt(1 + h^2 / 4) near the centre (minimax). The non-saturating loss loses energy at d(r^2)/dt = -r^4 / 8
there, and descent with steps of h adds h r^2 / 4, so that the radius ends at sqrt(2 h).
"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from baselines.blocks.losses import (
    cross_entropy_discriminator,
    minimax_generator,
    non_saturating_generator,
    wasserstein_critic,
    wasserstein_generator,
)
from baselines.blocks.penalties import zero_centred_penalty

Pair = tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]
MINIMAX: Pair = (cross_entropy_discriminator, minimax_generator)
NON_SATURATING: Pair = (cross_entropy_discriminator, non_saturating_generator)
WASSERSTEIN: Pair = (wasserstein_critic, wasserstein_generator)


def radii(
    losses: Pair, h: float, steps: int, *, alternating: bool = False, r1: float = 0.0, clip: float = math.inf, start: float = 1.0
) -> list[float]:
    """Distance from the equilibrium after every step. The line starts at -start: a fake's logit enters the paper's f negated."""
    theta = torch.tensor([start], dtype=torch.float64, requires_grad=True)
    psi = torch.tensor([-start], dtype=torch.float64, requires_grad=True)
    real = torch.zeros(1, 1, dtype=torch.float64)
    found = []

    def line(x: Tensor) -> Tensor:
        return x[:, 0] * psi

    for _ in range(steps):
        critic_loss = losses[0](real[:, 0] * psi, theta.detach() * psi)
        if r1:
            critic_loss = critic_loss + r1 * zero_centred_penalty(line, real)
        (psi_slope,) = torch.autograd.grad(critic_loss, psi)
        (theta_slope,) = torch.autograd.grad(losses[1](theta * psi.detach()), theta)
        with torch.no_grad():
            psi -= h * psi_slope
            psi.clamp_(-clip, clip)
        if alternating:
            (theta_slope,) = torch.autograd.grad(losses[1](theta * psi.detach()), theta)
        with torch.no_grad():
            theta -= h * theta_slope
        found.append(math.hypot(theta.item(), psi.item()))
    return found


def test_unclipped_wasserstein_grows_exactly() -> None:
    found = radii(WASSERSTEIN, 0.2, 100)
    assert found == pytest.approx([math.sqrt(2) * (1 + 0.2**2) ** (n / 2) for n in range(1, 101)])
    assert found[-1] == pytest.approx(10.05, abs=0.005)


def test_wasserstein_in_turns_keeps_to_its_orbit() -> None:
    found = radii(WASSERSTEIN, 0.2, 300, alternating=True)
    assert min(found) > 1.2
    assert max(found) < 1.7


def test_clipped_wasserstein_does_not_converge() -> None:
    assert min(radii(WASSERSTEIN, 0.2, 300, clip=1.0)[-100:]) > 0.5


@pytest.mark.parametrize("h", [0.05, 0.2])
def test_minimax_leaves_the_centre_at_the_linear_rate(h: float) -> None:
    found = radii(MINIMAX, h, 200, start=1e-4)
    assert found[-1] / found[0] == pytest.approx((1 + h**2 / 4) ** (199 / 2), rel=1e-4)


def test_minimax_spirals_outward() -> None:
    # 1.41 to 3.10 in 500 steps of 0.2, the setting of Mescheder et al. 2018, figure 2; checked with a plain integration of the field.
    assert radii(MINIMAX, 0.2, 500)[-1] == pytest.approx(3.10, abs=0.01)


@pytest.mark.parametrize(("h", "steps"), [(0.2, 900), (0.4, 400)])
def test_non_saturating_ends_on_its_limit_cycle(h: float, steps: int) -> None:
    tail = radii(NON_SATURATING, h, steps)[-100:]
    assert sum(tail) / 100 == pytest.approx(math.sqrt(2 * h), rel=0.04)


def test_a_zero_centred_penalty_of_critical_strength_converges_at_once() -> None:
    # At gamma = 1 both eigenvalues are -1/2: radius 1e-21 after 500 steps of 0.2; a factor 2 in the penalty shows here.
    assert radii(NON_SATURATING, 0.2, 500, r1=1.0)[-1] < 1e-18
    assert radii(NON_SATURATING, 0.2, 500, r1=2.0)[-1] > 1e-8  # over-damped: the slow eigenvalue is -0.134
