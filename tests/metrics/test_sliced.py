import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from ganbench.metrics.base import Estimate
from ganbench.metrics.sliced import MIND, Coupling, transport
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features

REAL = torch.from_numpy(np.random.RandomState(0).randn(1000, 64))
FAKE = torch.from_numpy(np.random.RandomState(1).randn(1000, 64) * 1.1 + 0.1)


def mind(real: torch.Tensor, fake: torch.Tensor, seed: int = 0) -> Estimate:
    return MIND.estimate(Comparison(Features(values=real), Features(values=fake)), torch.Generator().manual_seed(seed))


def test_fixture_a() -> None:
    # Field notes, section 3.2: torch-fidelity's form in float32, with 1,000 directions of torch's CPU generator from seed 2020.
    assert mind(REAL, FAKE, 2020).value == pytest.approx(5.571760654, rel=1e-7)


def test_a_shift_has_the_closed_form() -> None:
    # 3 |shift|^2 on average over directions; here 1,000 of them, whose mean has a relative deviation of sqrt(2 / 1000).
    shift = torch.full((64,), 0.5, dtype=torch.float64)
    assert mind(REAL, REAL + shift).value == pytest.approx(3 * 64 * 0.25, rel=4 * (2 / 1000) ** 0.5)
    assert mind(REAL, REAL).value == 0


def test_unequal_sizes_use_every_example() -> None:
    assert mind(REAL, FAKE.repeat(3, 1)).value == pytest.approx(mind(REAL, FAKE).value, rel=1e-12)
    assert mind(REAL[:700], FAKE).value == pytest.approx(mind(FAKE, REAL[:700]).value, rel=1e-12)


def test_quantile_coupling_is_the_optimal_transport_of_unequal_samples() -> None:
    # W1 of the same coupling against scipy's, which integrates distribution functions.
    x, y = REAL[:7, 0], FAKE[:12, 0]
    coupling = Coupling.of(7, 12, x.device)
    gaps = (x.sort().values[coupling.left] - y.sort().values[coupling.right]).abs()
    assert (coupling.weights * gaps).sum().item() == pytest.approx(wasserstein_distance(x.numpy(), y.numpy()), rel=1e-12)
    assert coupling.weights.sum().item() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("m", [40, 25])
def test_potentials_are_the_derivative_in_the_weights_of_the_examples(m: int) -> None:
    # Central differences: where sizes are equal, the distance has a kink, and the potential is the mean of both slopes.
    x, y = REAL[:40, :3], FAKE[:m, :3]
    of_x = transport(x, y, Coupling.of(40, m, x.device))[1]
    assert of_x.sum().item() == pytest.approx(0, abs=1e-9)
    copies, change = 400, 4
    for index in (0, 7, 23):
        others = torch.cat([x[:index], x[index + 1 :]]).repeat(copies, 1)
        moved = []
        for count in (copies + change, copies - change):
            sample = torch.cat([others, x[index : index + 1].repeat(count, 1)])
            moved.append((transport(sample, y, Coupling.of(len(sample), m, x.device))[0].sum().item(), count / len(sample)))
        slope = (moved[0][0] - moved[1][0]) / (moved[0][1] - moved[1][1])
        # Weight that goes to one example is taken from all, hence the factor.
        assert slope * (1 - 1 / 40) == pytest.approx(of_x[index].item(), abs=0.02 * of_x.std().item())


def test_collapse_and_noise_raise_it() -> None:
    fresh = torch.from_numpy(np.random.RandomState(3).randn(1000, 64))
    good = mind(REAL, fresh).value
    assert mind(REAL, fresh[:5].repeat(200, 1)).value > 5 * good
    assert mind(REAL, 2 * fresh).value > 5 * good


def test_perfect_is_about_what_samples_of_one_law_score() -> None:
    found = []
    for index in range(40):
        draws = np.random.RandomState(100 + index).randn(500, 8)
        found.append(mind(torch.from_numpy(draws[:300]), torch.from_numpy(draws[300:]), index))
    values = np.array([one.value for one in found])
    perfect = np.array([one.perfect for one in found], dtype=float)
    # The law 1 / n that carries halves over to this n is exact but for an iterated logarithm, some per cent.
    assert perfect.mean() == pytest.approx(values.mean(), rel=0.15)
