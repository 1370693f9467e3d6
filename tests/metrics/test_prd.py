import pytest
import torch

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.prd import PRD_F1_8, PRD_F8, curve, f_score
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features


def law(*shares: float) -> torch.Tensor:
    return torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize(
    ("fake", "real", "f8", "f1_8"),
    [
        # Field notes, section 3.2, from the authors' code.
        ((0.5, 0.5), (1, 0), 0.984829, 0.503863),
        ((1, 0), (0.5, 0.5), 0.503863, 0.984829),
        ((0.25, 0.25, 0.25, 0.25), (0.1, 0.2, 0.3, 0.4), 0.990802, 0.977404),
    ],
)
def test_golden_pairs(fake: tuple[float, ...], real: tuple[float, ...], f8: float, f1_8: float) -> None:
    precision, recall = curve(law(*real), law(*fake))
    assert f_score(precision, recall, 8.0).item() == pytest.approx(f8, abs=5e-7)
    assert f_score(precision, recall, 1 / 8).item() == pytest.approx(f1_8, abs=5e-7)


def test_golden_curves() -> None:
    # Field notes, section 3.1, the authors' unit tests.
    precision, recall = curve(law(0, 1), law(1, 0))
    assert precision.max() == recall.max() == 0
    precision, recall = curve(law(1, 0), law(1, 0), 11)
    assert (precision[5].item(), recall[5].item()) == pytest.approx((1, 1))
    precision, recall = curve(law(1, 0), law(0.5, 0.5), 11)
    assert (precision[5].item(), recall[5].item()) == pytest.approx((0.5, 0.5))
    assert (precision[-1].item(), recall[1].item()) == pytest.approx((0.5, 1))


def blobs(n: int, centres: int, *name: int, spread: float = 0.05) -> torch.Tensor:
    """Examples around the first of twenty corners."""
    generator = stream(9, "test-prd", *name)
    corners = 4 * torch.randn(20, 8, generator=stream(8, "test-prd"))
    return corners[torch.randint(0, centres, (n,), generator=generator)] + spread * torch.randn(n, 8, generator=generator)


def estimate(metric: Metric, real: torch.Tensor, fake: torch.Tensor) -> Estimate:
    return metric.estimate(Comparison(Features(values=real), Features(values=fake)), stream(3, "metric"))


def test_dropped_modes_lower_f8_and_strange_ones_lower_f1_8() -> None:
    half = {metric.name: estimate(metric, blobs(400, 20, 0), blobs(400, 10, 1)) for metric in (PRD_F8, PRD_F1_8)}
    assert half["prd_f8"].value < 0.65 < 0.95 < half["prd_f1_8"].value
    strange = {metric.name: estimate(metric, blobs(400, 10, 2), blobs(400, 20, 3)) for metric in (PRD_F8, PRD_F1_8)}
    assert strange["prd_f1_8"].value < 0.65 < 0.95 < strange["prd_f8"].value


def test_perfect_is_what_samples_of_one_law_score() -> None:
    found = estimate(PRD_F8, blobs(400, 20, 4), blobs(400, 20, 5))
    assert found.perfect == pytest.approx(found.value, abs=0.02)
    assert found.ci_low < found.value < found.ci_high


def test_very_unequal_sizes_are_refused_in_one_line() -> None:
    with pytest.raises(RequestError, match="about as many generated as real examples, got 450 and 200") as refusal:
        estimate(PRD_F8, blobs(200, 5, 6), blobs(450, 5, 7))
    assert "\n" not in str(refusal.value)
    assert estimate(PRD_F8, blobs(200, 5, 6), blobs(400, 5, 7)).value > 0.9
