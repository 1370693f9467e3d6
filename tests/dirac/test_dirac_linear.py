"""Do games and updates have the derivatives at the equilibrium that the theory gives?

Beside the equilibrium a game is theta' = b psi, psi' = -a theta - g psi, where a is the slope of the discriminator's loss of a generated
value at ``level``, -b that of the generator's, and g what a regulariser adds. Its eigenvalues are -g/2 +- sqrt(g^2/4 - a b).

a and b: logistic losses have sigmoid(0) = 1/2; least squares with targets 0 and 1 at the level 1/2 has 1/2; hinge and Wasserstein have 1.
The focal loss of a generated value s is sigmoid(s)^2 softplus(s), whose slope at 0 is 2 (1/2)^2 (1/2) ln 2 + (1/2)^3 = ln 2 / 4 + 1/8.

g: R1 is gamma psi^2 / 2, so that g = gamma; R1 + R2 give 2 gamma. Clipping and LeCam are flat at the equilibrium, LeCam because it is
lambda (psi theta)^2. Noise of variance v on all examples: the expected loss of a real value psi e is c_r psi^2 v / 2, and that of a
generated one the same with c_f, c being the loss's second derivative at the level, so that g = v (c_r + c_f). c is 1/4 for logistic
losses, 1 for least squares, 0 for hinge and Wasserstein. For the focal loss it is the derivative of 2 s^2 (1 - s) softplus + s^3 with
s = sigmoid, which is ln 2 / 8 + 1/8 + 3/16 at 0.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines.dirac import GAMES
from ganbench.dirac.linear import eigenvalues, field_on, jacobians, spectral_radius
from ganbench.dirac.rules import RULES, Rule
from ganbench.dirac.simulation import simulate

LN2 = math.log(2)
A = {"minimax": 0.5, "non-saturating": 0.5, "focal": LN2 / 4 + 1 / 8, "least-squares": 0.5, "hinge": 1.0, "wasserstein": 1.0}
B = {**A, "focal": 0.5}
CURVATURE = {"minimax": 0.5, "non-saturating": 0.5, "focal": LN2 / 4 + 5 / 8, "least-squares": 2.0, "hinge": 0.0, "wasserstein": 0.0}
"""c_r + c_f."""
DAMPING = {
    "none": lambda strength, loss: 0.0,
    "r1": lambda strength, loss: strength,
    "r1+r2": lambda strength, loss: 2 * strength,
    "clipping": lambda strength, loss: 0.0,
    "noise": lambda strength, loss: strength**2 * CURVATURE[loss],
    "lecam": lambda strength, loss: 0.0,
}
STRENGTHS = (0.1, 0.3, 0.5, 1.0, 2.0)
EXACT = 1e-10
"""Of float64, for derivatives that are computed and not differenced."""
BY_NAME = {rule.name: rule for rule in RULES}


def flow(loss: str, regulariser: str, strength: float | None = None) -> np.ndarray:
    games = GAMES
    if strength is not None:
        games = replace(GAMES, regularisers=tuple(replace(one, strength=strength) for one in GAMES.regularisers))
    names = [one.name for one in games.losses], [one.name for one in games.regularisers]
    return jacobians(games)[names[0].index(loss), names[1].index(regulariser)]


def test_the_table_covers_all_losses_and_all_smooth_regularisers() -> None:
    assert list(A) == [one.name for one in GAMES.losses]
    assert list(DAMPING) == [one.name for one in GAMES.regularisers if one.smooth]


@pytest.mark.parametrize("strength", STRENGTHS)
def test_jacobians_and_eigenvalues_of_the_flow(strength: float) -> None:
    games = replace(GAMES, regularisers=tuple(replace(one, strength=strength) for one in GAMES.regularisers))
    found = jacobians(games)
    for i, loss in enumerate(A):
        for j, regulariser in enumerate(one.name for one in games.regularisers):
            if regulariser not in DAMPING:
                assert np.isnan(found[i, j]).all()
                continue
            g = DAMPING[regulariser](strength, loss)
            wanted = [[0, B[loss]], [-A[loss], -g]]
            assert found[i, j] == pytest.approx(np.array(wanted), abs=EXACT), (loss, regulariser)
            root = np.sqrt(complex(g * g / 4 - A[loss] * B[loss]))
            # both eigenvalues are ill-conditioned where they meet, so their sum and product are compared at full precision
            first, second = eigenvalues(found[i, j])
            assert first + second == pytest.approx(-g, abs=EXACT)
            assert first * second == pytest.approx(A[loss] * B[loss], abs=EXACT)
            assert first == pytest.approx(-g / 2 + root, abs=EXACT if abs(root) > 1e-3 else 1e-7)


def test_plain_games_have_purely_imaginary_eigenvalues() -> None:
    assert eigenvalues(flow("minimax", "none")) == pytest.approx((0.5j, -0.5j), abs=EXACT)
    assert eigenvalues(flow("non-saturating", "none")) == pytest.approx((0.5j, -0.5j), abs=EXACT)
    assert eigenvalues(flow("wasserstein", "none")) == pytest.approx((1j, -1j), abs=EXACT)


def test_r1_is_critical_at_gamma_1_and_slow_above() -> None:
    # -g/2 +- sqrt(g^2/4 - 1/4): equal at g = 1. With a penalty of gamma |grad D|^2, without the half, that would be at gamma = 1/2.
    assert eigenvalues(flow("non-saturating", "r1", 1.0)) == pytest.approx((-0.5, -0.5), abs=EXACT)
    assert eigenvalues(flow("non-saturating", "r1", 0.99))[0].imag > 0.05
    assert eigenvalues(flow("non-saturating", "r1", 2.0)) == pytest.approx((-1 + math.sqrt(3) / 2, -1 - math.sqrt(3) / 2), abs=EXACT)
    assert eigenvalues(flow("wasserstein", "r1", 2.0)) == pytest.approx((-1, -1), abs=EXACT)  # a b = 1: critical at 2


@pytest.mark.parametrize("h", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("loss", ["minimax", "non-saturating", "wasserstein"])
def test_descent_at_once_leaves_every_undamped_centre(loss: str, h: float) -> None:
    matrix = BY_NAME["simultaneous"].matrix(flow(loss, "none"), h)
    assert matrix is not None
    assert spectral_radius(matrix) == pytest.approx(math.sqrt(1 + h * h * A[loss] * B[loss]), abs=EXACT)  # |1 + i h w|


@pytest.mark.parametrize(("name", "ratio", "steps"), [("alternating", 1, 1), ("two time scales", 4, 1), ("alternating 5:1", 1, 5)])
@pytest.mark.parametrize("loss", ["minimax", "wasserstein"])
def test_descent_in_turn_keeps_to_the_unit_circle_up_to_a_step(loss: str, name: str, ratio: float, steps: int) -> None:
    """The determinant is 1 and the trace 2 - k h^2 w^2, k = ratio x critic steps, so both are on the circle iff h w sqrt(k) <= 2.

    That is h <= 4 for minimax and h <= 2 for Wasserstein in plain turns. At the limit itself both eigenvalues are -1.
    """
    w = A[loss]
    limit = 2 / (w * math.sqrt(ratio * steps))
    for h in (0.1 * limit, 0.9 * limit, 0.999999 * limit):
        matrix = BY_NAME[name].matrix(flow(loss, "none"), h)
        assert matrix is not None
        assert np.linalg.det(matrix) == pytest.approx(1, abs=EXACT)
        assert np.trace(matrix) == pytest.approx(2 - ratio * steps * (h * w) ** 2, abs=EXACT)
        assert spectral_radius(matrix) == pytest.approx(1, abs=EXACT)
    beyond = BY_NAME[name].matrix(flow(loss, "none"), 1.01 * limit)
    assert beyond is not None
    assert spectral_radius(beyond) > 1.1  # (x - 2 + sqrt(x^2 - 4x)) / 2 at x = 4 x 1.01^2 is 1.33


@pytest.mark.parametrize("gamma", [0.1, 0.3, 1.0])
def test_r1_allows_steps_below_four_gamma_at_once(gamma: float) -> None:
    """Up to gamma = 1 the eigenvalues have one size: |1 + h l|^2 = det(1 + hJ) = 1 - h gamma + h^2 / 4, below 1 iff h < 4 gamma."""
    rule, jacobian = BY_NAME["simultaneous"], flow("non-saturating", "r1", gamma)
    for h, stable in ((3.999 * gamma, True), (4.001 * gamma, False)):
        matrix = rule.matrix(jacobian, h)
        assert matrix is not None
        assert np.linalg.det(matrix) == pytest.approx(1 - h * gamma + h * h / 4, abs=EXACT)
        assert (spectral_radius(matrix) < 1) == stable


@pytest.mark.parametrize("h", [0.1, 0.2, 0.9])
def test_extragradient_contracts_undamped_games(h: float) -> None:
    """1 + h l + h^2 l^2 at l = i w has the size sqrt(1 - (h w)^2 + (h w)^4), below 1 iff h w < 1."""
    matrix = BY_NAME["extragradient"].matrix(flow("wasserstein", "none"), h)
    assert matrix is not None
    assert spectral_radius(matrix) == pytest.approx(math.sqrt(1 - h**2 + h**4), abs=EXACT)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.can_rest], ids=lambda rule: rule.name)
def test_an_update_that_is_simulated_has_the_matrix_that_is_computed(rule: Rule) -> None:
    """Central starts of 1e-6: fields are odd, so that differences are exact to a relative 1e-12, and to 1e-16 / 1e-6 by rounding."""
    h, tiny = 0.2, 1e-6
    steps = 2 if rule.extrapolates else rule.critic_steps
    smooth = replace(GAMES, regularisers=tuple(one for one in GAMES.regularisers if one.smooth))
    paths = simulate(smooth, [rule], h, steps, [(tiny, 0.0), (0.0, tiny)])
    moved = np.stack([paths.theta[-1, 0], paths.psi[-1, 0]]) / tiny  # (row, start, losses, regularisers)
    for (i, j), jacobian in ((at, jacobians(smooth)[at]) for at in np.ndindex(moved.shape[2:])):
        assert moved[:, :, i, j] == pytest.approx(rule.matrix(jacobian, h), abs=1e-9)


def test_optimizers_with_running_sizes_of_gradients_have_no_matrix() -> None:
    assert {rule.name for rule in RULES if rule.matrix(flow("minimax", "none"), 0.2) is None} == {"Adam 0.5", "Adam 0", "RMSprop"}


def test_the_field_on_a_grid_is_the_flow() -> None:
    """Non-saturating: theta' = sigmoid(-psi theta) psi and psi' = -sigmoid(psi theta) theta; R1 adds -gamma psi to psi'."""
    line = np.linspace(-2, 2, 5)
    along, up = field_on(GAMES, line)
    psi, theta = np.meshgrid(line, line, indexing="ij")
    sigmoid = torch.from_numpy(psi * theta).sigmoid().numpy()
    assert along[:, :, 1, 0] == pytest.approx((1 - sigmoid) * psi, abs=EXACT)
    assert up[:, :, 1, 0] == pytest.approx(-sigmoid * theta, abs=EXACT)
    assert up[:, :, 1, 1] == pytest.approx(-sigmoid * theta - 0.3 * psi, abs=EXACT)
