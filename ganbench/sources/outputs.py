"""How are the numbers read that a generator returns? (their type, the order of their axes, and their range)

The first batch decides, and all later ones are read alike, whether they are scored or compared along a path: 8-bit levels
are taken as they are; floats that are never negative lie in [0, 1], all others in [-1, 1]; channels come first or last.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganbench.errors import DataError, Diverged
from ganbench.sampling import to_uint8

READING_VERSION = 2
"""Raised whenever the same output would be read as other examples; 2 recognises [0, 1]."""
_BEYOND = 0.5
"""How far floats may exceed their range, which is then clipped; a wider range is another one."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the numbers of a generator mean."""

    points: bool = False
    """Points (n, d), not images."""
    levels: bool = False
    """Levels from 0 to 255 as uint8, not floats."""
    unit: bool = False
    """Floats in [0, 1] instead of [-1, 1]."""
    channels_last: bool = False
    """(n, height, width, channels) instead of (n, channels, height, width)."""

    @classmethod
    def of(cls, values: Tensor, name: str) -> "Reading":
        """Recognises the output of a generator from its first batch.

        Args:
            values: From :func:`returned`.
            name: The generator as the user wrote it, for error messages.

        Raises:
            DataError: They are neither images nor points.
        """
        first, last = (values.ndim == 4 and values.shape[axis] in (1, 3) for axis in (1, 3))
        levels = values.dtype == torch.uint8
        image = values.ndim == 4 and (first or last)
        if values.numel() == 0 or not (image if levels else values.is_floating_point() and (image or values.ndim == 2)):
            kind = f"{str(values.dtype).removeprefix('torch.')} {tuple(values.shape)}"
            raise DataError(
                f"{name}: gave {kind}; give uint8 or float images in [-1, 1] of shape (n, 1 or 3, height, width), or points (n, d)"
            )
        unit = image and not levels and values.min().item() >= 0 and values.max().item() <= 1
        return cls(points=not image, levels=levels, unit=unit, channels_last=image and not first)

    def examples(self, values: Tensor, name: str) -> Tensor:
        """A batch as examples of a set: uint8 images (n, channels, height, width) or float32 points (n, d).

        Raises:
            DataError: The batch is not of the form or range of the first one.
            Diverged: A value is not finite.
        """
        self._check(values, name)
        if self.points:
            return values.float()
        return self._first(values).contiguous() if self.levels else to_uint8(self.images(values, name))

    def images(self, values: Tensor, name: str) -> Tensor:
        """A batch as float images in [-1, 1] (n, channels, height, width), not rounded to levels.

        Raises:
            DataError: The batch is not of the form or range of the first one.
            Diverged: A value is not finite.
        """
        self._check(values, name)
        images = self._first(values)
        if self.levels:
            return images.float() / 127.5 - 1
        images = images if images.dtype in (torch.float32, torch.float64) else images.float()
        return images * 2 - 1 if self.unit else images

    @property
    def note(self) -> str:
        """What the reader of scores should know of the reading; empty if nothing was guessed."""
        return "gives floats from 0 to 1, which are read as black to white; return [-1, 1] if 0 stands for grey" if self.unit else ""

    def _first(self, values: Tensor) -> Tensor:
        return values.permute(0, 3, 1, 2) if self.channels_last else values

    def _check(self, values: Tensor, name: str) -> None:
        """Raises unless a batch is of the form and range of the first one."""
        sides = values.ndim == 2 if self.points else values.ndim == 4 and values.shape[3 if self.channels_last else 1] in (1, 3)
        if not sides or (values.dtype == torch.uint8) != self.levels or not (self.levels or values.is_floating_point()):
            raise DataError(f"{name}: gave {str(values.dtype)[6:]} {tuple(values.shape)} after batches of another form; give one form")
        if self.levels:
            return
        if not bool(values.isfinite().all()):
            raise Diverged(f"{name}: gave values that are not finite, so there is nothing to score; look at the generator")
        if self.points:
            return
        low, high = values.min().item(), values.max().item()
        least = 0.0 if self.unit else -1.0
        if low < least - _BEYOND or high > 1 + _BEYOND:
            after = " after a first batch in [0, 1]" if self.unit else ""
            raise DataError(
                f"{name}: gave images from {low:.3g} to {high:.3g}{after}; floats lie in [-1, 1], levels 0 to 255 come as uint8"
            )


def returned(drawn: Any, n: int, name: str) -> Tensor:
    """What a generator returned, as a tensor on the CPU with one example a row; its values are not looked at.

    Args:
        drawn: The returned object.
        n: Number of examples that it was asked for.
        name: The generator as the user wrote it, for error messages.

    Raises:
        DataError: It is no tensor or array of n examples.
    """
    values = torch.from_numpy(drawn) if isinstance(drawn, np.ndarray) and drawn.dtype.kind in "biufc" else drawn
    if not isinstance(values, Tensor) or values.layout != torch.strided or not values.ndim:
        raise DataError(f"{name}: gave a {type(drawn).__name__}; give a tensor or numpy array of {n} images (n, channels, height, width)")
    if len(values) != n:
        raise DataError(f"{name}: gave {len(values)} examples when asked for {n}; give as many as asked for")
    return values.detach().cpu()
