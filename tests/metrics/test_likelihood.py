import math

import pytest
import torch

from ganbench.errors import RequestError
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.likelihood import FLD, FLD_GAP, _slope, fitted
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


def sides(kind: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Training, generated and held-out examples."""
    training, held_out = draw(500, 30), draw(400, 31)
    generated = {
        "new": draw(250, 32),
        "shifted": draw(250, 32) + 0.5,
        "copies with noise": training[:250] + 1e-3 * draw(250, 33),
        "five points with noise": draw(5, 34).repeat(50, 1) + 1e-2 * draw(250, 35),
        "one point": draw(1, 36).repeat(250, 1),
    }[kind]
    return training, generated, held_out


# Figures of a run of marcojira/fld (commit ffbbf20 of 2024-02-24, float64) on the same sets: 100 times the negative log-likelihood of
# held-out examples per feature (its FLD with a baseline of 0), and its generalisation gap.
AUTHORS = {
    "new": (153.6493619362394, -1.6123314582687343),
    "shifted": (162.1261680607724, -0.9256344090379898),
    "copies with noise": (20732717.966461275, -10415959.354508465),
    "five points with noise": (162.5450680754045, 1.0700893303470904),
    "one point": (210.31200391120822, -1.3655884936046192),
}


@pytest.mark.parametrize("kind", AUTHORS)
def test_values_are_those_of_the_authors_code(kind: str) -> None:
    training, generated, held_out = sides(kind)
    mean, deviation = held_out.mean(0), held_out.std(0)
    scaled = [(side - mean) / deviation for side in (training, generated, held_out)]
    found = fitted(scaled[1], scaled[0], stream(0, "fit")).divergence(scaled[2]).mean().item()
    likelihood, gap = AUTHORS[kind]
    assert found == pytest.approx(likelihood, rel=1e-5)  # their variances are float32 until the first update
    assert estimate(FLD_GAP, *sides(kind)).value == pytest.approx(gap, rel=1e-4, abs=1e-4)


def test_more_training_examples_than_a_batch_are_fitted_batch_by_batch() -> None:
    training, held_out, generated = draw(12_000, 40, width=4), draw(500, 41, width=4), draw(300, 42, width=4)
    mean, deviation = held_out.mean(0), held_out.std(0)
    scaled = [(side - mean) / deviation for side in (training, generated, held_out)]
    found = fitted(scaled[1], scaled[0], stream(0, "fit")).divergence(scaled[2]).mean().item()
    # the authors' code with three orders of the training examples gives 149.56, 149.40 and 148.63
    assert found == pytest.approx(149.2, abs=1.5)


def test_slopes_are_the_derivatives_of_the_likelihood() -> None:
    training, centres = draw(60, 43), draw(7, 44)
    logs, background = (torch.randn(n, generator=stream(6, "logs", n), dtype=torch.float64).requires_grad_() for n in (7, 1))
    far = 0.81 * (training - training.mean(0)).square().sum(1)
    own = log_likelihood(centres, logs, training)
    other = -far / (2 * background.exp()) - 6 * (background + math.log(2 * math.pi))
    expected = -torch.logaddexp(own, other).mean() / 12
    slopes = torch.autograd.grad(expected, [logs, background])
    near = torch.cdist(training, centres).square()
    with torch.no_grad():
        loss, *found = _slope(list(near.split(25)), list(far.split(25)), logs.detach(), background.detach(), 12)
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    for one, other_slope in zip(found, slopes, strict=True):
        torch.testing.assert_close(one, other_slope, rtol=1e-9, atol=1e-15)


def test_divergence_is_the_negative_log_likelihood() -> None:
    mixture = fitted(draw(30, 2), draw(1100, 3), stream(0, "fit"))
    examples = draw(1050, 4)
    expected = -100 / 12 * log_likelihood(mixture.centres, mixture.logs, examples)
    torch.testing.assert_close(mixture.divergence(examples), expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("kind", ["copies with noise", "five points with noise"])
def test_memorised_examples_come_with_a_warning(kind: str) -> None:
    training, generated, held_out = sides(kind)
    if kind == "five points with noise":
        generated = training[:5].repeat(50, 1) + 1e-2 * draw(250, 35)
    for metric in (FLD, FLD_GAP):
        found = estimate(metric, training, generated, held_out)
        assert bool(found.warnings) == (abs(found.value) > 1000)
    assert estimate(FLD, training, generated, held_out).warnings
    assert not estimate(FLD, *sides("new")).warnings


def test_more_generated_examples_than_the_baseline_has_leave_the_ideal_unknown() -> None:
    assert estimate(FLD, draw(300, 45), draw(160, 46), draw(200, 47)).perfect is None
    assert estimate(FLD, draw(300, 45), draw(150, 46), draw(200, 47)).perfect == 0


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
