"""Which frequencies does every layer of an alias-free generator hold? (Karras et al. 2021, "Alias-free GANs", section 3.2, appendix F.1)

Frequencies and sampling rates are per canvas, whose width is 1: a map with 16 pixels across the canvas has the rate 16 and can hold
frequencies below 8. Early layers hold far less than that, so that filters have room to remove aliases; the last ones hold all of it.
"""

from dataclasses import dataclass

CRITICAL = 2
"""Layers at the end that are critically sampled: their cutoff is half their rate, for crisp images (appendix F.1: N_crit)."""
FIRST_CUTOFF = 2.0
"""Of the Fourier features and of layer 0, as much as the 4x4 maps that StyleGAN2 starts from (appendix F.1: f_c,0)."""
FIRST_STOPBAND = 2**2.1
"""Lowest frequency that layer 0 must stop (appendix F.1: f_t,0)."""
LAST_STOPBAND = 2**0.3
"""The same of the last layers, as a multiple of their cutoff (appendix F.1: f_t,N)."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """What the maps behind a layer hold."""

    rate: int
    """Pixels across the canvas (the paper's s)."""
    cutoff: float
    """Middle of the low-pass's transition band (f_c)."""
    half_width: float
    """Of the transition band (f_h); nothing is left above ``cutoff + half_width``."""
    margin: int
    """Pixels around the canvas, so that what lies outside of the maps does not reach it."""

    @property
    def side(self) -> int:
        """Pixels across the maps."""
        return self.rate + 2 * self.margin

    @property
    def critical(self) -> bool:
        """Whether frequencies up to the highest that the rate allows are kept."""
        return self.cutoff == self.rate / 2


def layer_bands(layers: int, side: int, margin: int) -> list[Band]:
    """What every layer's output holds, the first layer's first (equations 35 and 36).

    Cutoffs and stopbands grow geometrically up to the first critically sampled layer. Rates are the lowest of the image's side, its half,
    its quarter ... that hold the stopband; the paper's are powers of two, for such are its sides. The last layer has no margin.

    Args:
        layers: Their number, more than :data:`CRITICAL`.
        side: Of the images.
        margin: See :class:`Band`.
    """
    last_cutoff = side / 2
    bands = []
    for layer in range(layers):
        share = min(layer / (layers - CRITICAL), 1.0)
        cutoff = last_cutoff if share == 1 else FIRST_CUTOFF * (last_cutoff / FIRST_CUTOFF) ** share
        stopband = FIRST_STOPBAND * (LAST_STOPBAND * last_cutoff / FIRST_STOPBAND) ** share
        rate = lowest_rate(side, 2 * stopband)
        half_width = max(stopband, rate / 2) - cutoff
        bands.append(Band(rate=rate, cutoff=cutoff, half_width=half_width, margin=0 if layer == layers - 1 else margin))
    return bands


def lowest_rate(side: int, needed: float) -> int:
    """The lowest rate, ``side`` halved as often as it is even, that is at least ``needed``; never more than ``side``."""
    rate = side
    while rate % 2 == 0 and rate // 2 >= needed:
        rate //= 2
    return rate


def band_channels(cutoff: float, base: int, largest: int) -> int:
    """Feature maps of a layer: as many as StyleGAN2 has at the side that the cutoff needs (appendix F.2, "generator capacity").

    Args:
        cutoff: Of the layer's output.
        base: Feature maps times side.
        largest: Upper bound.
    """
    return max(1, min(round(base / (2 * cutoff)), largest))
