import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.signal import correlate2d
from torchmetrics.functional.image import structural_similarity_index_measure as ssim

from ganbench.errors import RequestError
from ganbench.metrics import pairs_of_images
from ganbench.metrics.pairs_of_images import LPIPS, MS_SSIM, SMALLEST, diversity, ms_ssim, random_pairs
from ganbench.seeding import stream
from ganbench.sets.comparison import Comparison
from ganbench.sets.features import Features


def noise(n: int, size: int, name: int, channels: int = 3) -> torch.Tensor:
    """Smooth random images (n, channels, size, size) in [0, 1]."""
    coarse = torch.rand(n, channels, size // 4, size // 4, generator=stream(name, "test-images"), dtype=torch.float64)
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")


@pytest.mark.parametrize("channels", [1, 3])
def test_ms_ssim_is_made_of_torchmetrics_single_scales(channels: int) -> None:
    # Torchmetrics' own product takes the coarsest scale over mirrored borders too; Wang et al. keep inside the image.
    first = noise(3, 192, 0, channels)
    second = (first + 0.3 * noise(3, 192, 1, channels)) / 1.3
    found = ms_ssim(first, second)
    expected = torch.ones(3, dtype=torch.float64)
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        if scale < 4:
            part = ssim(first, second, reduction="none", data_range=1.0, return_contrast_sensitivity=True)[1]
        else:
            part = ssim(first, second, reduction="none", data_range=1.0, return_full_image=True)[1][..., 5:-5, 5:-5].mean((1, 2, 3))
        expected *= part**weight
        first, second = (torch.nn.functional.avg_pool2d(images, 2) for images in (first, second))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_ms_ssim_of_equal_images_is_one_and_it_is_symmetric() -> None:
    first, second = noise(2, SMALLEST, 2), noise(2, SMALLEST, 3)
    assert ms_ssim(first, first).tolist() == pytest.approx([1, 1], abs=1e-12)
    torch.testing.assert_close(ms_ssim(first, second), ms_ssim(second, first), rtol=1e-12, atol=0)
    assert ms_ssim(first, 1 - first).max() < 0.1


def test_ms_ssim_of_constant_images_has_the_closed_form() -> None:
    # Only luminance at the coarsest scale is left: ((2 a b + C) / (a^2 + b^2 + C))^0.1333, C = 0.0001.
    a, b = torch.full((1, 1, 170, 170), 0.2).double(), torch.full((1, 1, 170, 170), 0.6).double()
    assert ms_ssim(a, b).item() == pytest.approx(((2 * 0.12 + 1e-4) / (0.4 + 1e-4)) ** 0.1333, rel=1e-6)


def test_pairs_are_disjoint_random_and_of_one_class() -> None:
    labels = torch.arange(101) % 3
    pairs = random_pairs(101, labels, stream(0, "pairs"))
    assert len(pairs) == 34 // 2 + 34 // 2 + 33 // 2
    assert len(pairs.unique()) == 2 * len(pairs)
    assert (labels[pairs[:, 0]] == labels[pairs[:, 1]]).all()
    assert torch.equal(pairs, random_pairs(101, labels, stream(0, "pairs")))
    assert not torch.equal(pairs, random_pairs(101, labels, stream(1, "pairs")))
    assert random_pairs(5000, None, stream(0, "pairs")).shape == (1000, 2)


def side(images: torch.Tensor, labels: torch.Tensor | None = None) -> Features:
    lookup: Callable[[torch.Tensor], torch.Tensor] = lambda indices: images[indices]  # noqa: E731
    return Features(values=torch.zeros(len(images), 1), labels=labels, images=lookup)


def gap(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return (first - second).abs().mean((1, 2, 3))


def test_diversity_is_the_mean_over_pairs_with_its_standard_error() -> None:
    levels = torch.randint(0, 256, (400, 1, 1, 1), dtype=torch.uint8, generator=stream(3, "levels")).expand(-1, 1, 4, 4)
    estimate = diversity(
        Comparison(Features(values=torch.zeros(20, 1)), side(levels)), stream(4, "pairs"), gap, "lpips", (0.0, math.inf), same_class=False
    )
    # Two uniform levels on [-1, 1] are 2/3 apart on average, with standard deviation sqrt(2) / 3; 200 pairs.
    error = 2**0.5 / 3 / 200**0.5
    assert estimate.value == pytest.approx(2 / 3, abs=4 * error)
    assert estimate.ci_high - estimate.ci_low == pytest.approx(2 * 1.96 * error, rel=0.2)
    assert estimate.perfect is None


def test_real_images_give_the_ceiling_and_collapse_shows() -> None:
    real = torch.randint(0, 256, (100, 3, 4, 4), dtype=torch.uint8, generator=stream(5, "levels"))
    comparison = Comparison(side(real), side(real[:1].expand(100, -1, -1, -1)))
    estimate = diversity(comparison, stream(4, "pairs"), gap, "lpips", (0.0, math.inf), same_class=False)
    assert estimate.value == estimate.ci_high == 0
    assert estimate.perfect == pytest.approx(2 / 3, abs=0.05)


def test_classes_are_kept_apart_for_ms_ssim() -> None:
    labels = torch.arange(40) % 2
    images = (noise(2, SMALLEST, 6)[labels] * 255).to(torch.uint8)
    real = Features(values=torch.zeros(20, 1))
    together, apart = (MS_SSIM.estimate(Comparison(real, side(images, given)), stream(7, "pairs")) for given in (None, labels))
    assert apart.value == pytest.approx(1, abs=1e-12)
    assert dict(apart.details) == {"class 0": pytest.approx(1, abs=1e-12), "class 1": pytest.approx(1, abs=1e-12)}
    assert together.value < 0.8
    assert not together.details


@pytest.mark.parametrize("size", [16, 28, 32, 128])
def test_ms_ssim_of_small_images_shrinks_the_window_as_odena_does(size: int) -> None:
    # Written out with scipy's correlation: at every scale a window of min(11, side) pixels whose sigma shrinks with it.
    first = noise(1, size, 8, 1)
    second = (first + 0.5 * noise(1, size, 9, 1)) / 1.5
    a, b, expected = first[0, 0].numpy(), second[0, 0].numpy(), 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        side = min(11, len(a))
        axis = np.arange(side) - (side - 1) / 2
        window = np.exp(-(axis**2) / (2 * (1.5 * side / 11) ** 2))
        window = np.outer(window, window) / window.sum() ** 2
        mean = lambda x, window=window: correlate2d(x, window, mode="valid")  # noqa: E731
        covariance, variances = mean(a * b) - mean(a) * mean(b), mean(a * a) + mean(b * b) - mean(a) ** 2 - mean(b) ** 2
        part = (2 * covariance + 0.03**2) / (variances + 0.03**2)
        if scale == 4:
            part = part * (2 * mean(a) * mean(b) + 0.01**2) / (mean(a) ** 2 + mean(b) ** 2 + 0.01**2)
        expected *= max(part.mean(), 0) ** weight
        a, b = (_halved(x) for x in (a, b))
    assert ms_ssim(first, second).item() == pytest.approx(expected, rel=1e-9)


def _halved(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Means of 2x2 pixels; an odd last row or column counts twice."""
    even = np.pad(x, [(0, x.shape[0] % 2), (0, x.shape[1] % 2)], mode="edge")
    return even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).mean((1, 3))


def test_small_images_and_missing_images_are_refused_in_one_line() -> None:
    small = torch.zeros(20, 3, 12, 12, dtype=torch.uint8)
    with pytest.raises(RequestError, match="at least 16 pixels a side, these are 12x12; take lpips or vendi") as refusal:
        MS_SSIM.estimate(Comparison(Features(values=torch.zeros(20, 1)), side(small)), stream(0, "pairs"))
    assert "\n" not in str(refusal.value)
    with pytest.raises(RequestError, match="needs the generated images themselves"):
        MS_SSIM.estimate(Comparison(Features(values=torch.zeros(20, 1)), Features(values=torch.zeros(20, 1))), stream(0, "pairs"))


def test_lpips_takes_rgb_images_in_minus_one_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def distance(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        assert first.shape[1:] == second.shape[1:] == (3, 4, 4)
        assert first.dtype == torch.float32
        assert (first.min().item(), first.max().item()) == (-1, 1)
        return gap(first, second)

    monkeypatch.setattr(pairs_of_images, "perceptual", lambda weights: distance)
    images = torch.zeros(40, 1, 4, 4, dtype=torch.uint8)
    images[:, :, :2] = 255
    assert LPIPS.estimate(Comparison(Features(values=torch.zeros(20, 1)), side(images)), stream(4, "pairs")).value == 0
