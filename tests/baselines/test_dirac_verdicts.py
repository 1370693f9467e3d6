"""Are the verdicts that ``ganbench dirac`` prints those of the theory, however long the games last?

At once: every undamped game has an eigenvalue above 1 in size, sqrt(1 + h^2 w^2), so that none converges. Minimax and Wasserstein grow
without end. The losses that damp far from the centre end on limit cycles, as do LeCam and clipping; hinge is bounded, because its critic
stops at values below -1.
In turn: eigenvalues are on the unit circle. What damps far from the centre converges like 1 / sqrt(steps), the others orbit.
R1, R1 + R2, and noise on a curved loss put the eigenvalues inside, and all converge. On a straight loss noise does nothing near the
centre. WGAN-GP's penalty drives psi away from 0, so that nothing converges. Extragradient is inside wherever h w < 1. Adam and RMSprop
at a constant rate never rest.
After Mescheder et al. 2018, sections 2 and 3; derivations in tests/dirac.
"""

from collections.abc import Callable

import pytest

from baselines.dirac import GAMES
from ganbench.dirac.judging import STARTS, judged
from ganbench.dirac.rules import RULES
from ganbench.dirac.simulation import Paths, simulate
from ganbench.dirac.verdict import Outcome

H, STEPS = 0.2, 1200
"""Defaults of the command."""
LOSSES = ("minimax", "non-saturating", "focal", "least-squares", "hinge", "wasserstein")
INITIALS = {"c": "converges", "o": "orbits", "d": "diverges"}
# a letter for each loss; "in turn" stands for alternating 1:1 and 5:1 and two time scales
KNOWN = {
    "none": {"at once": "dooood", "in turn": "occcoo", "extragradient": "cccccc"},
    "r1": {"at once": "cccccc", "in turn": "cccccc", "extragradient": "cccccc"},
    "r1+r2": {"at once": "cccccc", "in turn": "cccccc", "extragradient": "cccccc"},
    "wgan-gp": {"at once": "oooooo", "in turn": "oooooo", "extragradient": "oooooo"},
    "clipping": {"at once": "oooooo", "in turn": "occcoo", "extragradient": "cccccc"},
    "noise": {"at once": "ccccod", "in turn": "ccccoo", "extragradient": "cccccc"},
    "lecam": {"at once": "oooooo", "in turn": "cccccc", "extragradient": "cccccc"},
}
KIND = {
    "simultaneous": "at once",
    "alternating": "in turn",
    "alternating 5:1": "in turn",
    "two time scales": "in turn",
    "extragradient": "extragradient",
}
GROWING = {("none", "wasserstein", "Adam 0.5"), ("noise", "wasserstein", "Adam 0.5")}
"""Adam's moment of 0.999 remembers small slopes, so that its steps grow beside those of descent; measured, no theory."""
Judge = Callable[[int], dict[tuple[str, str, str], Outcome]]


@pytest.fixture(scope="module")
def judge() -> Judge:
    """Judges the first steps of one long run: a game does not know how long it will last."""
    paths = simulate(GAMES, RULES, H, 2 * STEPS, STARTS)

    def of(steps: int) -> dict[tuple[str, str, str], Outcome]:
        cut = Paths(*(values[: steps + 1] for values in (paths.theta, paths.psi, paths.ema)))
        return {(one.regulariser, one.loss, one.rule): one for one in judged(GAMES, RULES, H, cut)}

    return of


@pytest.mark.parametrize("steps", [STEPS // 2, STEPS, 2 * STEPS])
def test_verdicts_are_those_of_the_theory_at_half_and_twice_the_steps(judge: Judge, steps: int) -> None:
    for (regulariser, loss, rule), one in judge(steps).items():
        if rule in KIND:
            wanted = INITIALS[KNOWN[regulariser][KIND[rule]][LOSSES.index(loss)]]
        else:
            wanted = "diverges" if (regulariser, loss, rule) in GROWING else "orbits"
        assert one.verdict == wanted, (regulariser, loss, rule, one.distance, one.exponent, one.spectral_radius)


def test_a_spectral_radius_off_1_and_the_path_agree(judge: Judge) -> None:
    """What the linear theory can decide it decides as the path does: inside the circle games arrive, outside they do not."""
    decided = 0
    for one in judge(2 * STEPS).values():
        if one.spectral_radius is not None and abs(one.spectral_radius - 1) > 1e-6:
            decided += 1
            assert (one.distance < 0.1) == (one.spectral_radius < 1), one
    assert decided > 100


def test_distances_that_are_known(judge: Judge) -> None:
    found = judge(STEPS)
    # limit cycles sqrt(2h) and sqrt(h/2), decay sqrt(8 / (h n)) at three quarters of the steps; ellipses of 5 % on top
    assert found["none", "non-saturating", "simultaneous"].distance == pytest.approx((2 * H) ** 0.5, rel=0.03)
    assert found["none", "least-squares", "simultaneous"].distance == pytest.approx((H / 2) ** 0.5, rel=0.03)
    assert found["none", "non-saturating", "alternating"].distance == pytest.approx((8 / (H * 0.75 * STEPS)) ** 0.5, rel=0.06)
    assert found["none", "non-saturating", "alternating"].exponent == pytest.approx(-0.5, abs=0.05)
    # Wasserstein grows by 1.04^(1/2) a step: 1.2e10 in 1,200
    assert found["none", "wasserstein", "simultaneous"].distance == pytest.approx(2**0.5 * 1.04**600, rel=1e-9)


def test_the_average_of_an_orbit_is_near_the_centre_and_the_orbit_is_not(judge: Judge) -> None:
    one = judge(STEPS)["none", "wasserstein", "alternating"]
    assert one.verdict == "orbits"
    assert one.theta > 1.4
    assert one.theta_ema < 0.06
