import math

import pytest
import torch

from ganbench.diagnostics.frequencies import radial_power
from ganbench.seeding import stream


@pytest.mark.parametrize("cycles", [2, 4, 7])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_wave_has_its_power_at_its_frequency(cycles: int, channels: int) -> None:
    wave = torch.cos(2 * math.pi * cycles * torch.arange(16) / 16)
    images = (127.5 + 100 * wave).round().to(torch.uint8).expand(5, channels, 16, 16)
    assert int(radial_power(images).argmax()) + 1 == cycles


def test_white_noise_is_flat() -> None:
    images = torch.randint(0, 256, (2_000, 1, 32, 32), generator=stream(0, "frequencies"), dtype=torch.uint8)
    power = radial_power(images)
    assert power.shape == (16,)
    assert float(power[2:].max() - power[2:].min()) < 0.02
    # a Hann window keeps 3/8 of the power of noise along each axis; the variance of levels is (256^2 - 1) / 12
    assert float(power[8]) == pytest.approx(math.log10((256**2 - 1) / 12 * (3 / 8) ** 2), abs=0.05)


def test_enlarged_images_lack_high_frequencies_and_constant_ones_all() -> None:
    small = torch.randint(0, 256, (500, 1, 8, 8), generator=stream(0, "frequencies"), dtype=torch.uint8)
    large = torch.nn.functional.interpolate(small.float(), scale_factor=2, mode="bilinear").to(torch.uint8)
    power = radial_power(large)
    assert float(power[-1]) < float(power[0]) - 1
    assert radial_power(torch.full((3, 1, 16, 16), 9, dtype=torch.uint8)).tolist() == [-12.0] * 8
