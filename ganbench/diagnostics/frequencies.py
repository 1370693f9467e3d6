"""How is the power of images distributed over spatial frequencies? (generators often lack, or add, the highest ones)"""

import torch
from torch import Tensor


def radial_power(images: Tensor) -> Tensor:
    """Mean log10 power of images by radial frequency: the azimuthal average of the power spectrum (Durall et al. 2020, section 3.1).

    A spectrum is that of the mean over channels without its own mean, under a Hann window, since the edges of an image would
    otherwise give power at all frequencies.

    Args:
        images: uint8 images (n, channels, height, width), at least 4 pixels on each side.

    Returns:
        float64 (min(height, width) // 2,): for every number of cycles per image from 1, log10 of the power in squared levels.
    """
    grey = images.double().mean(1)
    height, width = grey.shape[-2:]
    grey = grey - grey.mean((1, 2), keepdim=True)
    window = torch.hann_window(height, periodic=False, dtype=torch.float64)[:, None] * torch.hann_window(
        width, periodic=False, dtype=torch.float64
    )
    power = torch.fft.fft2(grey * window.to(grey.device)).abs().square().mean(0).cpu() / (height * width)
    side = min(height, width)
    rows, columns = (torch.fft.fftfreq(size, d=1 / size, dtype=torch.float64) * side / size for size in (height, width))
    radius = (rows[:, None].square() + columns.square()).sqrt().round().long()
    bins = side // 2
    inside = (radius >= 1) & (radius <= bins)
    sums = torch.zeros(bins, dtype=torch.float64).index_add_(0, radius[inside] - 1, power[inside])
    counts = torch.bincount(radius[inside] - 1, minlength=bins)
    return (sums / counts.clamp(min=1)).clamp(min=1e-12).log10()
