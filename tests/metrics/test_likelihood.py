import math

import pytest
import torch

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.likelihood import FLD, FLD_GAP, Mixture
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features


def draw(n: int, *name: int, width: int = 12) -> torch.Tensor:
    return torch.randn(n, width, generator=stream(6, "test-likelihood", *name), dtype=torch.float64)


def estimate(metric: Metric, training: torch.Tensor, generated: torch.Tensor, held_out: torch.Tensor) -> Estimate:
    return metric.estimate(
        Comparison(Features(values=training), Features(values=generated), Features(values=held_out)), stream(0, "metric")
    )


def log_likelihood(centres: torch.Tensor, logs: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
    """Of a mixture with these log variances, from torch's own normal law."""
    law = torch.distributions.Normal(centres, logs.exp().sqrt()[:, None])
    return law.log_prob(examples[:, None]).sum(2).logsumexp(1) - math.log(len(centres))


def test_one_gaussian_has_the_closed_form() -> None:
    training, examples, centre = draw(50, 0), draw(20, 1), torch.zeros(1, 12, dtype=torch.float64)
    mixture = Mixture.fitted(centre, training)
    assert mixture.variances.item() == pytest.approx(training.square().mean().item(), rel=1e-12)
    expected = -100 / 12 * log_likelihood(centre, mixture.variances.log(), examples)
    torch.testing.assert_close(mixture.divergence(examples), expected, rtol=1e-10, atol=0)


def test_divergence_is_the_negative_log_likelihood() -> None:
    mixture = Mixture.fitted(draw(30, 2), draw(1100, 3))
    examples = draw(1050, 4)
    expected = -100 / 12 * log_likelihood(mixture.centres, mixture.variances.log(), examples)
    torch.testing.assert_close(mixture.divergence(examples), expected, rtol=1e-9, atol=0)


def test_fitted_variances_are_a_maximum_of_the_training_likelihood() -> None:
    centres, training = draw(8, 5), draw(400, 6)
    mixture = Mixture.fitted(centres, training)
    logs = mixture.variances.log().requires_grad_()
    (slope,) = torch.autograd.grad(log_likelihood(centres, logs, training).mean(), logs)
    # Moving a log variance by 1 changes the mean by up to about 1 where a Gaussian has its share of the examples.
    assert slope.abs().max() < 2e-3


def test_new_real_examples_score_zero_and_worse_ones_more() -> None:
    training, held_out = draw(800, 7), draw(800, 8)
    fresh = estimate(FLD, training, draw(400, 9), held_out)
    assert fresh.perfect == 0
    assert fresh.ci_low - 0.5 < 0 < fresh.ci_high + 0.5
    for worse in (1.6 * draw(400, 9), draw(400, 9) + 1, draw(5, 9).repeat(80, 1)):
        assert estimate(FLD, training, worse, held_out).ci_low > fresh.ci_high


def test_copies_open_a_gap_below_zero() -> None:
    training, held_out = draw(500, 10), draw(500, 11)
    assert estimate(FLD_GAP, training, training + 1e-3 * draw(500, 12), held_out).value < -100
    assert estimate(FLD_GAP, training, training, held_out).value < -500
    assert -5 < estimate(FLD_GAP, training, draw(500, 13), held_out).value < 5


def test_the_scale_and_place_of_features_do_not_matter() -> None:
    scale, shift = torch.logspace(-3, 3, 12, dtype=torch.float64), 100 * draw(1, 14)
    sides = draw(300, 15), 1.2 * draw(200, 16), draw(300, 17)
    moved = [side * scale + shift for side in sides]
    assert estimate(FLD, *moved).value == pytest.approx(estimate(FLD, *sides).value, rel=1e-6)


def test_constant_features_are_left_out_and_nothing_else_is_refused() -> None:
    sides = draw(200, 18), draw(100, 19), draw(200, 20)
    padded = [torch.cat([side, torch.full((len(side), 2), 7.0, dtype=torch.float64)], 1) for side in sides]
    assert estimate(FLD, *padded).value == pytest.approx(estimate(FLD, *sides).value, rel=1e-9)
    with pytest.raises(RequestError, match="all are constant") as refusal:
        estimate(FLD, *(torch.ones(100, 2) for _ in range(3)))
    assert "\n" not in str(refusal.value)
