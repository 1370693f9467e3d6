import pytest
import torch
from scipy.stats import mannwhitneyu, norm

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate
from ganbench.metrics.copying import CT, z_score
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features


def draw(n: int, *name: int, width: int = 6) -> torch.Tensor:
    return torch.randn(n, width, generator=stream(4, "test-copying", *name), dtype=torch.float64)


def ct(training: torch.Tensor, generated: torch.Tensor, held_out: torch.Tensor) -> Estimate:
    return CT.estimate(Comparison(Features(values=training), Features(values=generated), Features(values=held_out)), stream(0, "metric"))


@pytest.mark.parametrize("step", [1e-9, 0.25])
def test_z_score_is_scipys_with_and_without_ties(step: float) -> None:
    a, b = ((draw(n, n)[:, 0].abs() / step).round() * step for n in (60, 90))
    expected = norm.ppf(mannwhitneyu(a.numpy(), b.numpy(), alternative="less", method="asymptotic").pvalue)
    assert z_score(a, b) == pytest.approx(expected, rel=1e-9)


def test_equal_distances_say_nothing() -> None:
    assert z_score(torch.ones(5), torch.ones(7)) == 0


def test_copies_score_far_below_zero_fresh_examples_near_it_and_strange_ones_far_above() -> None:
    training, held_out = draw(800, 0), draw(600, 1)
    assert ct(training, training[:500], held_out).value < -10
    assert ct(training, training[:500] + 0.05 * draw(500, 2), held_out).value < -10
    assert abs(ct(training, draw(500, 3), held_out).value) < 3
    assert ct(training, 2 * draw(500, 4), held_out).value > 5


def test_fresh_examples_score_zero_on_average() -> None:
    # Three cells, each with a standard normal law: the mean over 40 draws deviates by at most 1 / sqrt(40).
    values = [ct(draw(300, 5, i), draw(300, 6, i), draw(300, 7, i)).value for i in range(40)]
    assert abs(torch.tensor(values).mean().item()) < 4 / 40**0.5


def test_wide_features_are_reduced_to_principal_components() -> None:
    # The 64 large components decide; the small rest would hide the copies in its noise.
    scale = torch.cat([torch.full((8,), 10.0), torch.full((92,), 0.01)]).double()
    training, held_out = draw(400, 8, width=100) * scale, draw(400, 9, width=100) * scale
    assert ct(training, training, held_out).value < -10


def test_a_cell_without_held_out_examples_is_refused_in_one_line() -> None:
    corners = torch.tensor([[0.0, 0], [50, 0], [0, 50]], dtype=torch.float64)
    training = corners.repeat(50, 1) + draw(150, 10, width=2)
    generated = corners.repeat(50, 1) + draw(150, 11, width=2)
    held_out = corners[:2].repeat(75, 1) + draw(150, 12, width=2)
    with pytest.raises(RequestError, match="ct needs held-out examples") as refusal:
        ct(training, generated, held_out)
    assert "\n" not in str(refusal.value)
