"""Do the alias-free filters equal their closed forms, and do layers hold the frequencies that the paper gives them?"""

import math
from itertools import pairwise

import pytest
import scipy.ndimage
import scipy.signal
import scipy.special
import torch
from torch import Tensor

from baselines.blocks.bandlimits import Band, band_channels, layer_bands, lowest_rate
from baselines.blocks.lowpass import FilteredLeakyReLU, attenuation, gaussian_blurred, jinc_filter, kaiser_beta, sinc_filter

DESIGNS = [(12, 2.0, 6.0, 32.0), (24, 14.0, 3.2, 112.0), (12, 1.0, 0.4, 4.0), (12, 512.0, 118.5, 2048.0), (12, 3.0, 0.1, 32.0)]
"""Taps, cutoff, half-width, rate: wide and narrow transitions, with beta 0 in the last."""


@pytest.mark.parametrize(("taps", "cutoff", "half_width", "rate"), DESIGNS)
def test_a_sinc_filter_is_scipys(taps: int, cutoff: float, half_width: float, rate: float) -> None:
    # appendix C says that its definitions are those of scipy.signal.firwin
    expected = scipy.signal.firwin(taps, cutoff, width=2 * half_width, fs=rate)
    torch.testing.assert_close(sinc_filter(taps, cutoff, half_width, rate), torch.from_numpy(expected), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("half_width", [0.1, 0.5, 1.0, 2.0, 6.0])
def test_kaisers_formulas_are_scipys(half_width: float) -> None:
    decibels = attenuation(12, half_width, 32.0)
    assert decibels == pytest.approx(scipy.signal.kaiser_atten(12, 2 * half_width / 16))
    assert kaiser_beta(decibels) == pytest.approx(scipy.signal.kaiser_beta(decibels))


def response(filtering: Tensor, rate: float, frequency: float, angle: float = 0.0) -> float:
    """Of a filter along one axis or two, to a wave."""
    places = (torch.arange(len(filtering), dtype=torch.float64) - (len(filtering) - 1) / 2) / rate
    phase = frequency * places if filtering.dim() == 1 else frequency * (math.cos(angle) * places[:, None] + math.sin(angle) * places)
    return (filtering * torch.cos(2 * math.pi * phase)).sum().item()


def test_lowering_the_cutoff_stops_the_frequencies_that_would_fold() -> None:
    # section 3.2, "non-critical sampling", on figure 4a's filter: 6 dB at the bandlimit s/2 = 1 with f_c = 1, "40 dB" with f_c = 0.6
    critical, lowered = (sinc_filter(12, cutoff, 0.4, 4.0) for cutoff in (1.0, 0.6))
    assert -20 * math.log10(response(critical, 4.0, 1.0)) == pytest.approx(6, abs=0.1)
    assert attenuation(12, 0.4, 4.0) == pytest.approx(40, abs=0.6)  # Kaiser's estimate
    worst = max(abs(response(lowered, 4.0, 1 + i / 100)) for i in range(101))
    assert -20 * math.log10(worst) > 37  # the filter itself


def test_a_jinc_filter_is_its_closed_form_and_alike_in_all_directions() -> None:
    radial, separable = jinc_filter(12, 4.0, 4.0, 32.0), sinc_filter(12, 4.0, 4.0, 32.0)
    separable = separable[:, None] * separable
    assert radial.sum().item() == pytest.approx(1, abs=1e-12)
    assert response(radial, 32.0, 0.0) == pytest.approx(1, abs=1e-12)
    for turned in (radial.t(), radial.flip(0), torch.rot90(radial)):
        torch.testing.assert_close(radial, turned, rtol=1e-12, atol=1e-15)
    places = (torch.arange(12, dtype=torch.float64) - 5.5) / 32
    x = math.pi * 8 * torch.hypot(places[:, None], places)
    window = torch.from_numpy(scipy.signal.windows.kaiser(12, kaiser_beta(attenuation(12, 4.0, 32.0))))
    ratio = radial / (torch.from_numpy(scipy.special.j1(x.numpy())) / x * window[:, None] * window)
    torch.testing.assert_close(ratio, ratio.mean().expand(12, 12), rtol=1e-5, atol=0)  # torch's J1 is good to 1e-7
    for frequency in (3.0, 4.0, 5.0, 6.0):  # along the diagonal the separable filter passes up to 0.06 more than along an axis
        straight, diagonal = (response(radial, 32.0, frequency, angle) for angle in (0.0, math.pi / 4))
        other = (response(separable, 32.0, frequency, angle) for angle in (0.0, math.pi / 4))
        assert abs(straight - diagonal) < 0.007 < 0.014 < abs(next(other) - next(other))


@pytest.mark.parametrize("radial", [False, True])
@pytest.mark.parametrize(
    ("rates", "margins"), [((16, 16), (10, 10)), ((14, 28), (10, 10)), ((16, 64), (10, 10)), ((28, 28), (10, 0))], ids=str
)
def test_a_positive_wave_passes_to_where_its_pixels_belong(rates: tuple[int, int], margins: tuple[int, int], radial: bool) -> None:
    # A leaky ReLU leaves it alone, so that a layer only samples it anew, with He's gain: pixel k is at (k + 1/2 - margin) / rate.
    source, target = (
        Band(rate=rate, cutoff=rate / 4, half_width=rate / 4, margin=margin) for rate, margin in zip(rates, margins, strict=True)
    )

    def wave(band: Band, amplitude: float) -> Tensor:
        places = (torch.arange(band.side) + 0.5 - band.margin) / band.rate
        return 2 + amplitude * torch.sin(2 * math.pi * (places[:, None] + 0.5 * places))

    found = FilteredLeakyReLU(source, target, radial=radial)(wave(source, 1.0).expand(2, 3, -1, -1))
    assert found.shape == (2, 3, target.side, target.side)
    rate = 2 * max(rates)
    up = sinc_filter(6 * rate // source.rate, source.cutoff, source.half_width, rate)
    down = sinc_filter(12, target.cutoff, target.half_width, rate)
    passed = response(up, rate, 1.0) * response(up, rate, 0.5)
    if radial:
        passed *= response(jinc_filter(12, target.cutoff, target.half_width, rate), rate, 1.25**0.5, math.atan(0.5))
    else:
        passed *= response(down, rate, 1.0) * response(down, rate, 0.5)
    inner = slice(target.margin, target.margin + target.rate)
    expected = 2**0.5 * wave(target, passed)[inner, inner]
    # 50 dB is the least that these filters take off the images of the mean, 2; a shift by one pixel of 64 would be wrong by 0.14
    torch.testing.assert_close(found[0, 0, inner, inner], expected, rtol=0, atol=0.01)


def test_layers_hold_what_the_paper_says() -> None:
    # equations 35 and 36 at 1024 pixels in closed form: f_c = 2^(1 + 2i/3), f_t = 2^(2.1 + 0.6i) up to layer 12
    bands = layer_bands(14, 1024, 10)
    for layer, band in enumerate(bands):
        i = min(layer, 12)
        assert band.cutoff == pytest.approx(2 ** (1 + 2 * i / 3))
        assert band.rate == min(1024, 2 ** math.ceil(3.1 + 0.6 * i))
        assert band.cutoff + band.half_width == pytest.approx(max(band.rate / 2, 2 ** (2.1 + 0.6 * i)))
        assert band.critical == (layer >= 12)
    assert [band.margin for band in bands] == 13 * [10] + [0]


PRINTED = {
    1024: {10: (1044, 161), 11: (1044, 102), 12: (1044, 64), 13: (1024, 64)},
    128: {8: (84, 1024), 9: (148, 1024), 10: (148, 912), 11: (148, 683), 12: (148, 512), 13: (128, 512)},
}
"""Sides and feature maps of configuration R's layers as the authors' code prints them (NVlabs/stylegan3#181 and #40), by images' side."""


@pytest.mark.parametrize("side", PRINTED)
def test_layers_are_as_large_as_the_authors_print(side: int) -> None:
    bands = layer_bands(14, side, 10)
    found = {layer: (bands[layer].side, band_channels(bands[layer].cutoff, 65536, 1024)) for layer in PRINTED[side]}
    assert found == PRINTED[side]


@pytest.mark.parametrize("layers", [3, 4, 14])
@pytest.mark.parametrize("side", [8, 10, 16, 28, 32, 56, 256])
def test_small_and_odd_sides_are_halved_only_as_far_as_they_go(side: int, layers: int) -> None:
    bands = layer_bands(layers, side, 10)
    assert all(side % band.rate == 0 and (side // band.rate).bit_count() == 1 for band in bands)
    assert all(low.rate <= high.rate and low.cutoff <= high.cutoff for low, high in pairwise(bands))
    assert all(band.cutoff <= band.rate / 2 and band.half_width > 0 for band in bands)
    assert [band.critical for band in bands[-3:]] == [False, True, True]
    assert lowest_rate(28, 8.6) == 14 and lowest_rate(28, 14.5) == 28 and lowest_rate(28, 40) == 28


def test_a_blur_is_a_gaussian_and_leaves_flat_images_flat() -> None:
    images = torch.zeros(1, 1, 41, 41)
    images[0, 0, 20, 20] = 1.0
    expected = torch.from_numpy(scipy.ndimage.gaussian_filter(images[0, 0].double().numpy(), 2.0, truncate=10)).float()
    torch.testing.assert_close(gaussian_blurred(images, 2.0)[0, 0], expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(gaussian_blurred(torch.ones(2, 3, 8, 8), 10.0), torch.ones(2, 3, 8, 8))
    assert gaussian_blurred(images, 0.0) is images
