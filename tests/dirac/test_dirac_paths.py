"""Do games move as the theory says, far from the equilibrium too?

In polar coordinates of an undamped game with s = psi theta, theta' = b(s) psi, psi' = -a(s) theta: d(r^2)/dt = 2 s (b(s) - a(s)). Near the
centre, where a(0) = b(0) = w, that is -2 k s^2 with k = a'(0) - b'(0), and s^2 is r^4 / 8 on average over a circle, so that
d(r^2)/dt = -k r^4 / 4. Steps of h at once add h w^2 r^2 a unit of time, since the step is at a right angle to the radius.

- At once, both cancel at r = sqrt(4 h w^2 / k): the limit cycle.
- In turn, nothing is added to first order: 1 / r^2 grows by k / 4 a unit of time, and r is sqrt(4 / (k h n)) after many steps n.

k: minimax and Wasserstein have a = b, so 0. Non-saturating: a = sigmoid(s), b = sigmoid(-s), k = 1/4 + 1/4 = 1/2, so sqrt(2h) and
sqrt(8 / (h n)). Least squares: a = 1/2 + s, b = 1/2 - s, k = 2, so sqrt(h / 2) and sqrt(2 / (h n)). LeCam adds lambda (psi theta)^2 to the
discriminator's loss, so 2 lambda s to a, and 2 lambda to k.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from baselines.dirac import GAMES
from ganbench.dirac.rules import RULES
from ganbench.dirac.simulation import EMA_HALFLIFE_STEPS, Paths, simulate

BY_NAME = {rule.name: rule for rule in RULES}


def play(
    loss: str, regulariser: str, rule: str, h: float, steps: int, start: tuple[float, float] = (1.0, -1.0), strength: float | None = None
) -> Paths:
    losses = tuple(one for one in GAMES.losses if one.name == loss)
    regularisers = tuple(one for one in GAMES.regularisers if one.name == regulariser)
    if strength is not None:
        regularisers = (replace(regularisers[0], strength=strength),)
    paths = simulate(replace(GAMES, losses=losses, regularisers=regularisers), [BY_NAME[rule]], h, steps, [start])
    return Paths(*(values[:, 0, 0, 0, 0] for values in (paths.theta, paths.psi, paths.ema)))


def mean_radius(paths: Paths, h: float, w: float) -> float:
    """Root mean square radius over the last whole revolution."""
    revolution = round(2 * math.pi / (h * w))
    return float(np.sqrt(np.square(paths.radius[-revolution:]).mean()))


def test_unclipped_wasserstein_at_once_grows_exactly() -> None:
    # the step is at a right angle to the radius and h times as long, so r grows by sqrt(1 + h^2); from sqrt(2) to 10.05 in 100 steps
    radius = play("wasserstein", "none", "simultaneous", 0.2, 100).radius
    assert radius == pytest.approx(np.sqrt(2) * (1 + 0.2**2) ** (np.arange(101) / 2), rel=1e-12)
    assert radius[-1] == pytest.approx(10.05, abs=0.005)


def test_minimax_at_once_moves_outward_in_every_step() -> None:
    # r^2 grows by (h sigmoid(s) r)^2: always outward. 3.10 after 500 steps of 0.2 is also what the plain loop of
    # tests/baselines/test_dirac.py finds
    radius = play("minimax", "none", "simultaneous", 0.2, 500).radius
    assert (np.diff(radius) > 0).all()
    assert radius[-1] == pytest.approx(3.10, abs=0.01)


@pytest.mark.parametrize("h", [0.05, 0.2])
def test_minimax_at_once_leaves_the_centre_at_the_linear_rate(h: float) -> None:
    radius = play("minimax", "none", "simultaneous", h, 200, (1e-5, 0.0)).radius
    assert radius[-1] / radius[0] == pytest.approx((1 + h**2 / 4) ** 100, rel=1e-8)  # corrections are of order s = 1e-10


@pytest.mark.parametrize(
    ("loss", "regulariser", "k"), [("non-saturating", "none", 0.5), ("least-squares", "none", 2.0), ("minimax", "lecam", 0.6)]
)
def test_limit_cycles_at_once(loss: str, regulariser: str, k: float) -> None:
    """Started on it, a game stays there; started elsewhere, r^2 goes there as exp(-h^2 n / 4), which is e^-4 in both runs below.

    Averaging over a circle leaves out terms of relative order h; measured: 0.06 with LeCam at h = 0.4, below h / 40 for the others.
    """
    for h, steps in ((0.4, 100), (0.2, 400)):
        wanted = math.sqrt(4 * h * 0.25 / k)
        for factor in (1.0, 1.3):
            paths = play(loss, regulariser, "simultaneous", h, steps, (factor * wanted, 0.0))
            assert mean_radius(paths, h, 0.5) == pytest.approx(wanted, rel=h / 6 + (factor - 1) * 0.1)


def test_the_limit_cycle_of_the_non_saturating_loss_has_the_known_radius() -> None:
    assert mean_radius(play("non-saturating", "none", "simultaneous", 0.2, 900), 0.2, 0.5) == pytest.approx(math.sqrt(0.4), rel=0.01)


@pytest.mark.parametrize(
    ("loss", "regulariser", "k"), [("non-saturating", "none", 0.5), ("least-squares", "none", 2.0), ("minimax", "lecam", 0.6)]
)
def test_sublinear_convergence_in_turn(loss: str, regulariser: str, k: float) -> None:
    """1 / r^2 grows by k h / 4 a step. Left out are terms of order s and h, which vanish with r: the growth is taken from late steps.

    For the same reason an ellipse of axes 1 +- h w / 2 stands for the circle; its mean square differs from the circle's by (h w / 2)^2.
    """
    h, steps = 0.1, 1200
    radius = play(loss, regulariser, "alternating", h, steps, (0.5, 0.0)).radius
    revolution = round(2 * math.pi / (h * 0.5))
    early, late = (np.square(radius[end - revolution : end]).mean() for end in (steps // 2, steps))
    assert 1 / late - 1 / early == pytest.approx(k * h / 4 * steps / 2, rel=0.02)
    assert math.sqrt(late) == pytest.approx(math.sqrt(4 / (k * h * steps + 4 / 0.5**2)), rel=0.05)


def test_wasserstein_in_turn_keeps_its_invariant() -> None:
    """psi+ = psi - h theta, theta+ = theta + h psi+ leaves theta^2 + psi^2 - h theta psi as it is.

    psi+^2 = psi^2 - 2 h theta psi + h^2 theta^2, theta+^2 = theta^2 + 2 h theta psi+ + h^2 psi+^2 and theta+ psi+ = theta psi+ + h psi+^2,
    in which psi+ = psi - h theta cancels all but the start.
    """
    h = 0.2
    paths = play("wasserstein", "none", "alternating", h, 500)
    invariant = paths.theta**2 + paths.psi**2 - h * paths.theta * paths.psi
    assert invariant == pytest.approx(np.full(501, invariant[0]), rel=1e-12)


@pytest.mark.parametrize(("h", "shrinks"), [(0.39, True), (0.41, False)])
def test_r1_at_once_converges_below_a_step_of_four_gamma(h: float, shrinks: bool) -> None:
    radius = play("non-saturating", "r1", "simultaneous", h, 800, (1e-3, 0.0), strength=0.1).radius
    assert (radius[-1] < radius[0]) == shrinks
    # by det(1 + hJ)^(n/2) on an ellipse whose axes differ by g / 2w = 10 %: 0.68 and 1.51
    assert radius[-1] / radius[0] == pytest.approx((1 - h / 10 + h * h / 4) ** 400, rel=0.11)


def test_r1_of_critical_strength_is_fastest() -> None:
    def end(gamma: float) -> float:
        return float(play("non-saturating", "r1", "simultaneous", 0.2, 500, strength=gamma).radius[-1])

    assert end(1.0) < 1e-20  # both eigenvalues -1/2: 0.9^500 = 1e-23, times a linear term
    # |1 + h l|^2 = 1 - h g + h^2 / 4 = 0.95 at g = 0.3, and the slow eigenvalue -0.134 at g = 2; the factor depends on the start
    assert end(0.3) == pytest.approx(math.sqrt(2) * 0.95**250, rel=0.5)
    assert end(2.0) == pytest.approx((1 - 0.2 * (1 - math.sqrt(3) / 2)) ** 500, rel=0.5)


def test_wgan_gp_can_hold_the_generator_away_from_the_data() -> None:
    """At psi = 0+ the penalty pushes by 2 lambda and the loss pulls by a theta: nothing moves at theta = 2 lambda / a, and psi = 0.

    a is ln 2 / 4 + 1 / 8 for the focal loss (see test_dirac_linear.py), so that theta is 2.35 at lambda = 0.35.
    """
    paths = play("focal", "wgan-gp", "alternating", 0.2, 900)
    assert float(np.median(np.abs(paths.theta[450:]))) == pytest.approx(0.7 / (math.log(2) / 4 + 1 / 8), rel=0.02)
    assert float(np.median(np.abs(paths.psi[450:]))) < 0.1


def test_clipping_bounds_psi_and_does_not_converge() -> None:
    paths = play("wasserstein", "clipping", "alternating", 0.2, 300)
    assert np.abs(paths.psi).max() == 1.0
    assert paths.radius[100:].min() > 0.9


def test_noise_does_nothing_for_a_critic_whose_loss_is_straight() -> None:
    # E[psi e] = 0, so Wasserstein's field is the same with noise; nodes cancel to rounding
    plain, noisy = (play("wasserstein", one, "alternating", 0.2, 300) for one in ("none", "noise"))
    assert noisy.theta == pytest.approx(plain.theta, abs=1e-11)


def test_five_discriminator_steps_leave_the_generator_alone_in_between() -> None:
    theta = play("non-saturating", "none", "alternating 5:1", 0.2, 50).theta
    moved = np.flatnonzero(np.diff(theta))
    assert moved.tolist() == list(range(4, 50, 5))


def test_extragradient_moves_in_every_second_step_with_the_slopes_that_it_tried() -> None:
    """For Wasserstein one move is 1 + hJ + h^2 J^2 with J = [[0, 1], [-1, 0]], so theta+ = (1 - h^2) theta + h psi."""
    h = 0.2
    paths = play("wasserstein", "none", "extragradient", h, 20)
    assert paths.theta[1::2] == pytest.approx(paths.theta[0:-1:2])
    assert paths.theta[2::2] == pytest.approx((1 - h * h) * paths.theta[0:-1:2] + h * paths.psi[0:-1:2], rel=1e-12)
    assert paths.psi[2::2] == pytest.approx((1 - h * h) * paths.psi[0:-1:2] - h * paths.theta[0:-1:2], rel=1e-12)


def test_the_average_of_an_orbit_lies_at_its_centre() -> None:
    """theta_n = A cos(n p + c) with cos p = 1 - h^2 / 2; an average with decay d passes it on with the factor (1 - d) / |1 - d e^(ip)|.

    The start is forgotten but for d^1500 = 2^-15.
    """
    h, d = 0.2, 0.5 ** (1 / EMA_HALFLIFE_STEPS)
    paths = play("wasserstein", "none", "alternating", h, 1700)
    passed = (1 - d) / abs(1 - d * np.exp(1j * math.acos(1 - h * h / 2)))
    raw, averaged = (float(np.abs(values[-200:]).max()) for values in (paths.theta, paths.ema))
    assert averaged == pytest.approx(passed * raw, rel=0.01)  # 200 steps sample the largest value to p^2 / 8 = 0.005
    assert averaged < 0.04 * raw
    assert raw > 1.4


def test_numbers_that_overflow_are_infinite_distances() -> None:
    radius = play("wasserstein", "none", "simultaneous", 5.0, 500).radius
    assert radius[-1] == np.inf and not np.isnan(radius).any()
