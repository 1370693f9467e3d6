import numpy as np
import pytest
import torch

from ganbench.errors import RequestError
from ganbench.metrics import path_length as module
from ganbench.metrics.base import Estimate, Metric
from ganbench.metrics.path_length import PPL_W, PPL_Z, path_length, slerp, trimmed_estimate
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features


class Linear:
    """A generator of 2x2 images that is linear in its intermediate latents w = M z."""

    def __init__(self, mapped: bool = True) -> None:
        self.weights = torch.randn(4, 6, generator=stream(0, "test-ppl"), dtype=torch.float64)
        self.mapping = torch.randn(6, 5, generator=stream(1, "test-ppl"), dtype=torch.float64) if mapped else None

    def latents(self, n: int, generator: torch.Generator) -> torch.Tensor:
        return torch.randn(n, 5, generator=generator, dtype=torch.float64)

    def styles(self, latents: torch.Tensor) -> torch.Tensor | None:
        return None if self.mapping is None else latents @ self.mapping.T

    def images(self, latents: torch.Tensor, styles: bool) -> torch.Tensor:
        if not styles:
            return latents[:, :4].reshape(-1, 1, 2, 2)
        return (latents @ self.weights.T).view(-1, 1, 2, 2)


def squared(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Sum over pixels of one channel."""
    assert first.shape[1] == 3
    return (first - second)[:, 0].square().sum((1, 2))


def estimate(metric: Metric, model: Linear, n: int) -> Estimate:
    comparison = Comparison(Features(values=torch.zeros(20, 1)), Features(values=torch.zeros(n, 1), generator=model))
    return path_length(comparison, stream(2, "metric"), squared, styles=metric is PPL_W)


def trimmed(values: torch.Tensor) -> float:
    low, high = values.quantile(0.01), values.quantile(0.99)
    return values[(values >= low) & (values <= high)].mean().item()


def test_lines_of_a_linear_generator_have_the_closed_form() -> None:
    # The step does not matter: |A M (z1 - z0)|^2, whose trimmed mean a large sample gives.
    model = Linear()
    assert model.mapping is not None
    found = estimate(PPL_W, model, 4000)
    gaps = 2**0.5 * torch.randn(1_000_000, 5, generator=stream(3, "test-ppl"), dtype=torch.float64)
    expected = trimmed((gaps @ (model.weights @ model.mapping).T).square().sum(1))
    assert found.ci_low < expected < found.ci_high
    assert found.ci_high - found.ci_low < 0.15 * expected


def test_great_circles_have_the_speed_of_their_angle() -> None:
    # On the whole sphere |dx/dt| = angle between the ends, apart from the change of length.
    class Identity(Linear):
        def latents(self, n: int, generator: torch.Generator) -> torch.Tensor:
            return torch.nn.functional.normalize(torch.randn(n, 4, generator=generator, dtype=torch.float64))

    found = estimate(PPL_Z, Identity(), 4000)
    ends = torch.nn.functional.normalize(torch.randn(2, 1_000_000, 4, generator=stream(4, "test-ppl"), dtype=torch.float64), dim=2)
    expected = trimmed((ends[0] * ends[1]).sum(1).acos().square())
    assert found.ci_low < expected < found.ci_high


def test_slerp_goes_from_end_to_end_at_even_speed_and_length() -> None:
    start, end = torch.tensor([[2.0, 0, 0]]).double(), torch.tensor([[0.0, 4, 0]]).double()
    torch.testing.assert_close(slerp(start, end, torch.tensor([[0.0]]).double()), start)
    torch.testing.assert_close(slerp(start, end, torch.tensor([[1.0]]).double()), end)
    torch.testing.assert_close(slerp(start, end, torch.tensor([[0.5]]).double()), torch.tensor([[1.0, 1, 0]]).double() * 3 / 2**0.5)
    torch.testing.assert_close(slerp(start, start, torch.tensor([[0.3]]).double()), start)


def test_percentiles_outside_1_and_99_are_discarded_as_numpy_has_them() -> None:
    values = torch.arange(1, 1001).double() ** 3
    found = trimmed_estimate(values)
    kept = values.numpy()[
        (values.numpy() >= np.percentile(values, 1, method="lower")) & (values.numpy() <= np.percentile(values, 99, method="higher"))
    ]
    assert len(kept) == 982
    assert found.value == pytest.approx(kept.mean())


def test_interval_of_the_trimmed_mean_holds() -> None:
    draws = torch.randn(300, 500, generator=stream(5, "test-ppl"), dtype=torch.float64).exp()
    found = [trimmed_estimate(row) for row in draws]
    middle = sum(one.value for one in found) / 300
    # 95 % of 300 less four standard deviations of 1.26 %.
    assert sum(one.ci_low <= middle <= one.ci_high for one in found) / 300 >= 0.90


def test_a_jumpier_generator_has_longer_paths_and_a_constant_one_none() -> None:
    model, jumpy, constant = Linear(), Linear(), Linear()
    jumpy.weights = 2 * model.weights
    constant.weights = 0 * model.weights
    assert estimate(PPL_W, jumpy, 300).value == pytest.approx(4 * estimate(PPL_W, model, 300).value, rel=1e-6)
    assert estimate(PPL_W, constant, 300).value == 0


def test_missing_generators_and_intermediate_latents_are_refused_in_one_line() -> None:
    nothing = Comparison(Features(values=torch.zeros(20, 1)), Features(values=torch.zeros(100, 1)))
    with pytest.raises(RequestError, match="ppl_z needs the generator itself") as refusal:
        path_length(nothing, stream(0, "metric"), squared, styles=False)
    assert "\n" not in str(refusal.value)
    with pytest.raises(RequestError, match="take ppl_z") as refusal:
        estimate(PPL_W, Linear(mapped=False), 100)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("metric", [PPL_Z, PPL_W])
def test_the_registered_metric_uses_the_perceptual_distance(metric: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "perceptual", lambda weights: squared)
    comparison = Comparison(Features(values=torch.zeros(20, 1)), Features(values=torch.zeros(150, 1), generator=Linear()))
    assert metric.estimate(comparison, stream(2, "metric")) == estimate(metric, Linear(), 150)


class Indifferent(Linear):
    """A generator that ignores its latents: images depend on their place in the call alone, by class and by noise."""

    def images(self, latents: torch.Tensor, styles: bool) -> torch.Tensor:
        classes = torch.arange(len(latents)) % 3
        noise = torch.randn(len(latents), 1, 2, 2, generator=stream(4, "test-ppl"), dtype=torch.float64)
        return noise + classes[:, None, None, None]


@pytest.mark.parametrize("metric", [PPL_Z, PPL_W], ids=lambda metric: metric.name)
def test_both_ends_share_class_and_noise(metric: Metric) -> None:
    assert estimate(metric, Indifferent(), 200).value == 0


def test_a_generator_that_normalises_its_latents_is_followed_on_the_unit_sphere_as_in_the_authors_code() -> None:
    class Normalising(Linear):
        def images(self, latents: torch.Tensor, styles: bool) -> torch.Tensor:
            return super().images(torch.nn.functional.normalize(latents), styles)

    class OnTheSphere(Normalising):
        def latents(self, n: int, generator: torch.Generator) -> torch.Tensor:
            return torch.nn.functional.normalize(super().latents(n, generator))

    # The same paths, but for rounding of differences of 1e-4 in float64.
    assert estimate(PPL_Z, Normalising(), 300).value == pytest.approx(estimate(PPL_Z, OnTheSphere(), 300).value, rel=1e-6)


def test_a_generator_that_does_not_normalise_never_leaves_the_lengths_of_its_latents() -> None:
    lengths = []

    class Listening(Linear):
        def images(self, latents: torch.Tensor, styles: bool) -> torch.Tensor:
            lengths.append(latents.norm(dim=1))
            return super().images(latents, styles)

    estimate(PPL_Z, Listening(), 1000)
    # Latents of 5 dimensions have a mean length of sqrt(2) gamma(3) / gamma(2.5) = 2.128 (chi distribution), and so have points between.
    assert torch.cat(lengths).mean().item() == pytest.approx(2.128, abs=4 * 0.7 / 1000**0.5)
