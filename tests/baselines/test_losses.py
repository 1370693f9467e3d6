"""Do the losses have the values and slopes that their papers give?"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from baselines.blocks.losses import (
    cross_entropy_discriminator,
    feature_matching,
    focal_discriminator,
    hinge_discriminator,
    least_squares_discriminator,
    least_squares_generator,
    minimax_generator,
    non_saturating_generator,
    relativistic,
    smoothed_cross_entropy_discriminator,
    wasserstein_critic,
    wasserstein_generator,
)
from baselines.blocks.penalties import gradient_penalty


def slope(loss: Callable[[Tensor], Tensor], logit: float) -> float:
    at = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(at), at)
    return float(gradient)


def test_at_logits_of_zero() -> None:
    zero = torch.zeros(7)
    assert cross_entropy_discriminator(zero, zero).item() == pytest.approx(math.log(4))
    assert non_saturating_generator(zero).item() == pytest.approx(math.log(2))
    assert minimax_generator(zero).item() == pytest.approx(-math.log(2))


@pytest.mark.parametrize("logit", [-3.0, -0.5, 0.7, 4.0])
def test_cross_entropy_is_the_formula_of_the_paper(logit: float) -> None:
    d = 1 / (1 + math.exp(-logit))
    values = torch.tensor([logit], dtype=torch.float64)
    zero = torch.zeros(1, dtype=torch.float64)
    assert cross_entropy_discriminator(values, zero).item() == pytest.approx(-math.log(d) + math.log(2))
    assert cross_entropy_discriminator(zero, values).item() == pytest.approx(-math.log(1 - d) + math.log(2))
    assert non_saturating_generator(values).item() == pytest.approx(-math.log(d))
    assert minimax_generator(values).item() == pytest.approx(math.log(1 - d))


def test_where_the_fake_is_rejected_minimax_vanishes_and_non_saturating_does_not() -> None:
    # sigmoid(-20) = 2.06e-9 (Goodfellow et al. 2014, section 3: log(1 - D) saturates).
    assert slope(minimax_generator, -20) == pytest.approx(-2.061e-9, rel=1e-3)
    assert slope(non_saturating_generator, -20) == pytest.approx(-1, rel=1e-8)


def test_both_generator_losses_pull_the_same_way_and_agree_at_zero() -> None:
    assert slope(minimax_generator, 0) == slope(non_saturating_generator, 0) == -0.5


def test_extreme_logits_stay_finite() -> None:
    huge = torch.tensor([1e4, -1e4], requires_grad=True)
    for loss in (cross_entropy_discriminator(huge, huge), non_saturating_generator(huge), minimax_generator(huge)):
        (gradient,) = torch.autograd.grad(loss, huge, retain_graph=True)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()


def test_the_optimal_discriminator_is_the_log_ratio_and_leaves_the_divergence() -> None:
    # p = (3/4, 1/4) and q = (1/4, 3/4): D* has logits +-ln 3, and the loss there is ln 4 - 2 JSD(p, q).
    logits = torch.tensor([math.log(3), -math.log(3)], dtype=torch.float64, requires_grad=True)
    loss = cross_entropy_discriminator(logits[[0, 0, 0, 1]], logits[[0, 1, 1, 1]])
    divergence = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert loss.item() == pytest.approx(math.log(4) - 2 * divergence)
    (gradient,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(gradient, torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-15)


def test_wasserstein_values() -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([-1.0, 0.0])
    assert wasserstein_critic(real, fake).item() == -2.5
    assert wasserstein_generator(fake).item() == 0.5


def test_least_squares_values() -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([-1.0, 0.0])
    assert least_squares_discriminator(real, fake).item() == pytest.approx(0.5 * 2 + 0.5 * 0.5)
    assert least_squares_generator(fake).item() == pytest.approx(0.5 * 2.5)
    assert slope(least_squares_generator, -20) == pytest.approx(-21), "its pull grows with the distance"


def test_hinge_values_and_where_it_stops_pulling() -> None:
    assert hinge_discriminator(torch.zeros(3), torch.zeros(3)).item() == 2
    assert hinge_discriminator(torch.tensor([1.0, 2.0]), torch.tensor([-1.0, -3.0])).item() == 0
    assert hinge_discriminator(torch.tensor([0.5]), torch.tensor([2.0])).item() == pytest.approx(0.5 + 3)
    zero = torch.zeros(1, dtype=torch.float64)
    assert slope(lambda value: hinge_discriminator(value, zero), 1.5) == 0
    assert slope(lambda value: hinge_discriminator(value, zero), 0.5) == -1


@pytest.mark.parametrize("logit", [-3.0, 0.0, 2.0])
@pytest.mark.parametrize("target", [0.75, 0.9, 1.0])
def test_smoothed_cross_entropy_is_that_of_a_target_below_one(logit: float, target: float) -> None:
    d = 1 / (1 + math.exp(-logit))
    value = torch.tensor([logit], dtype=torch.float64)
    zero = torch.zeros(1, dtype=torch.float64)
    found = smoothed_cross_entropy_discriminator(value, zero, target).item()
    assert found == pytest.approx(-target * math.log(d) - (1 - target) * math.log(1 - d) + math.log(2))


def test_smoothing_moves_the_optimum_of_real_examples_alone() -> None:
    # the loss is flat where the sigmoid is the target (Salimans et al. 2016, section 3.4), and fakes keep the target 0
    zero = torch.zeros(1, dtype=torch.float64)
    assert slope(lambda logit: smoothed_cross_entropy_discriminator(logit, zero, 0.9), math.log(9)) == pytest.approx(0, abs=1e-12)
    assert slope(lambda logit: smoothed_cross_entropy_discriminator(zero, logit, 0.9), -30) == pytest.approx(0, abs=1e-12)


def test_focal_loss_with_gamma_zero_is_cross_entropy() -> None:
    real, fake = torch.randn(2, 9, dtype=torch.float64)
    assert focal_discriminator(real, fake, 0.0).item() == pytest.approx(cross_entropy_discriminator(real, fake).item(), rel=1e-12)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_focal_loss_is_the_formula_of_the_paper_and_forgets_what_is_easy(gamma: float) -> None:
    p = 1 / (1 + math.exp(-1.5))
    real, fake = torch.tensor([1.5], dtype=torch.float64), torch.tensor([-1.5], dtype=torch.float64)
    assert focal_discriminator(real, fake, gamma).item() == pytest.approx(2 * (1 - p) ** gamma * -math.log(p))
    easy, hard = torch.tensor([8.0], dtype=torch.float64), torch.tensor([-1.0], dtype=torch.float64)
    kept = [focal_discriminator(x, -x, gamma) / cross_entropy_discriminator(x, -x) for x in (easy, hard)]
    assert kept[0] < kept[1] / 10


def test_relativistic_loss_sees_differences_alone() -> None:
    a, b = torch.randn(2, 6, dtype=torch.float64)
    assert relativistic(a + 7, b + 7).item() == pytest.approx(relativistic(a, b).item())
    assert relativistic(a, a).item() == pytest.approx(math.log(2))
    assert relativistic(torch.tensor([3.0]), torch.tensor([1.0])).item() == pytest.approx(math.log(1 + math.exp(-2)))


def test_feature_matching_is_the_squared_distance_of_the_means() -> None:
    real, fake = torch.tensor([[1.0, 0.0], [3.0, 2.0]]), torch.tensor([[0.0, 1.0], [0.0, 3.0], [0.0, 2.0]])
    assert feature_matching(real, fake).item() == pytest.approx(4 + 1)
    assert feature_matching(real, real.flip(0)).item() == 0


def test_every_loss_is_a_mean_over_the_batch() -> None:
    real, fake = torch.randn(5, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    pairs = (cross_entropy_discriminator, wasserstein_critic, hinge_discriminator, least_squares_discriminator, relativistic)
    parametrised = (lambda r, f: focal_discriminator(r, f, 2.0), lambda r, f: smoothed_cross_entropy_discriminator(r, f, 0.9))
    for pair in (*pairs, *parametrised):
        torch.testing.assert_close(pair(real.repeat(4), fake.repeat(4)), pair(real, fake))
    for single in (non_saturating_generator, minimax_generator, wasserstein_generator, least_squares_generator):
        torch.testing.assert_close(single(fake.repeat(4)), single(fake))


@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
@pytest.mark.parametrize("n", [1, 4, 64])
def test_penalty_of_a_linear_critic_is_exact_and_independent_of_the_batch_size(n: int, scale: float) -> None:
    weight = scale * torch.tensor([[2.0, -1.0, 2.0]], dtype=torch.float64)  # norm 3

    def critic(x: Tensor) -> Tensor:
        return (x @ weight.t()).squeeze(1)

    real, fake = torch.randn(2, n, 3, dtype=torch.float64)
    mix = torch.rand(n, dtype=torch.float64)
    assert gradient_penalty(critic, real, fake, mix).item() == pytest.approx((3 * scale - 1) ** 2)
    assert gradient_penalty(critic, real, fake, mix, target=0.0).item() == pytest.approx((3 * scale) ** 2)


def test_penalty_of_images_takes_the_norm_over_all_pixels() -> None:
    real, fake = torch.randn(2, 5, 3, 4, 4)
    assert gradient_penalty(lambda x: x.flatten(1).sum(1), real, fake, torch.rand(5)).item() == pytest.approx((48**0.5 - 1) ** 2, rel=1e-5)


def test_penalty_is_taken_between_the_pairs() -> None:
    seen: list[Tensor] = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.square().sum(1)

    real, fake = torch.zeros(3, 2), torch.ones(3, 2)
    mix = torch.tensor([0.0, 0.25, 1.0])
    penalty = gradient_penalty(critic, real, fake, mix)
    assert torch.equal(seen[0], mix[:, None].expand(3, 2))
    # |grad| of x^2 is 2 |x|: 0, sqrt(2) / 2 and 2 sqrt(2).
    assert penalty.item() == pytest.approx((1 + (2**0.5 / 2 - 1) ** 2 + (2 * 2**0.5 - 1) ** 2) / 3, rel=1e-5)


def test_penalty_moves_the_critic_and_neither_the_examples_nor_the_generator() -> None:
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    real, fake = torch.randn(4, 2, requires_grad=True), torch.randn(4, 2, requires_grad=True)
    gradient_penalty(critic, real, fake, torch.rand(4)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for name, p in critic.named_parameters() if name != "2.bias")
    assert real.grad is None
    assert fake.grad is None


def test_at_a_gradient_of_zero_the_second_derivative_is_finite() -> None:
    weight = torch.zeros(3, 1, requires_grad=True)
    penalty = gradient_penalty(lambda x: (x @ weight).squeeze(1), torch.randn(4, 3), torch.randn(4, 3), torch.rand(4))
    penalty.backward()
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    assert weight.grad is not None
    assert torch.isfinite(weight.grad).all()


def test_penalty_agrees_with_finite_differences() -> None:
    weight = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    real, fake, mix = torch.randn(5, 3).double(), torch.randn(5, 3).double(), torch.rand(5).double()
    assert torch.autograd.gradcheck(lambda w: gradient_penalty(lambda x: (x @ w).tanh().sum(1), real, fake, mix), (weight,))
