import numpy as np
import pytest

from ganbench.dirac.verdict import exponent, verdict

N = np.arange(1, 2002, dtype=float)
FLAT = np.ones_like(N)


@pytest.mark.parametrize("q", [-2.0, -0.5, -0.25, 0.0, 0.5])
def test_a_power_law_has_its_own_exponent(q: float) -> None:
    assert exponent(N**q) == pytest.approx(q, abs=0.004)  # the windows begin at 501 and 1,001, not at 500 and 1,000


def judge(near: np.ndarray, far: np.ndarray = 3 * FLAT, *, can_rest: bool = True, spectral_radius: float | None = 1.0) -> str:
    return verdict(near, far, can_rest=can_rest, spectral_radius=spectral_radius)


def test_falling_distances_converge_also_as_slowly_as_the_theory_knows() -> None:
    assert judge(N**-0.5) == "converges"
    assert judge(0.99**N, spectral_radius=0.99) == "converges"
    assert judge(N**-0.5, spectral_radius=None) == "converges"
    assert judge(np.where(N < 900, 0.9**N, 1e-17), spectral_radius=0.9) == "converges"  # at rest but for rounding


def test_what_neither_falls_nor_grows_orbits() -> None:
    assert judge(FLAT + 0.2 * np.sin(N)) == "orbits"
    assert judge(N**-0.1) == "orbits"
    assert judge(1 + N**-1.0, spectral_radius=1.01) == "orbits"  # a limit cycle from outside


def test_what_falls_towards_an_unstable_equilibrium_or_cannot_rest_only_passes_by() -> None:
    assert judge(0.99**N, spectral_radius=1.001) == "orbits"
    assert judge(0.99**N, can_rest=False, spectral_radius=None) == "orbits"


def test_growth_diverges_unless_it_comes_in_from_farther_out() -> None:
    growing = 1.001**N
    assert judge(growing, 3 * growing, spectral_radius=1.001) == "diverges"
    assert judge(growing, spectral_radius=1.001) == "diverges"
    assert judge(np.minimum(growing, 2), 3 - np.minimum(N / 1000, 1), spectral_radius=1.001) == "orbits"  # onto a cycle, from both sides


def test_numbers_that_overflow_diverge() -> None:
    overflowing = np.where(N > 500, np.inf, 1.5 ** np.minimum(N, 500))
    assert exponent(overflowing) == np.inf
    assert judge(overflowing, overflowing, spectral_radius=1.5) == "diverges"
    assert judge(overflowing, overflowing, spectral_radius=None) == "diverges"
