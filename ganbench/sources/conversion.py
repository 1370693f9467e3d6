"""How do arrays and tensors in memory become examples? (uint8 images, channels first, or points)

Public code gives images in any of a few forms; what was assumed is said in a note, and what is ambiguous is asked for.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganbench.errors import DataError

ValueRange = tuple[float, float]
"""The values of black and of white."""
CHANNELS = (1, 3)
UNDERSHOOT = 0.1
"""How far outside values of images in [0, 1] may be after a sharp resize: bicubic filters overshoot a black-white edge by 7 %."""
OVERSHOOT = 0.5
"""How far values of images in [-1, 1] may lie outside; generators without a bounded last layer overshoot."""


@dataclass(frozen=True, kw_only=True)
class Converted:
    """Examples, and what was assumed about them."""

    examples: npt.NDArray[Any]
    """uint8 (n, channels, height, width), or float32 or float64 (n, dimensions)."""
    notes: tuple[str, ...] = ()
    value_range: ValueRange | None = None
    """Values of black and white that were given or told from the values; None for points."""


def as_examples(given: npt.NDArray[Any] | Tensor, name: str, value_range: ValueRange | None = None) -> Converted:
    """Converts images or points in memory.

    >>> as_examples(np.zeros((2, 8, 8, 3), np.uint8), "fakes").examples.shape
    (2, 3, 8, 8)
    >>> as_examples(torch.linspace(-1, 1, 48).reshape(1, 3, 4, 4), "fakes").notes
    ('fakes: floats from -1 to 1 taken as images in [-1, 1]',)

    Args:
        given: Images (n, channels, height, width), (n, height, width, channels) or (n, height, width): uint8, whole numbers from 0 to
            255, or floats; or points (n, dimensions) as floats. Tensors may be on any device and require gradients.
        name: Name of the set, for notes and errors.
        value_range: The values of black and of white of float images, (0, 1), (-1, 1) or (0, 255); None tells them from the values.

    Raises:
        DataError: The array has none of these forms, holds values that are not finite, or its range is ambiguous.
    """
    array = as_array(given)
    if array.dtype.kind not in "biuf" or array.size == 0:
        raise DataError(f"{name} is {array.dtype} {array.shape}; give images, or points (n, d), as numbers")
    if array.ndim == 2:
        if array.dtype.kind != "f":
            raise DataError(f"{name} is {array.dtype} {array.shape}; give points (n, d) as floats, or images (n, channels, height, width)")
        _check_finite(array, name)
        return Converted(examples=np.ascontiguousarray(array, np.float32 if np.can_cast(array.dtype, np.float32, "safe") else np.float64))
    if array.ndim not in (3, 4):
        raise DataError(
            f"{name} is {array.dtype} {array.shape}; give images (n, channels, height, width) or (n, height, width, channels), "
            "points (n, d), or features (n, d) with features=True"
        )
    images, first = _channels_first(array, name)
    levels, told, used = _levels(images, name, value_range)
    notes = tuple(f"{name}: {note}" for note in (first, told) if note)
    return Converted(examples=np.ascontiguousarray(levels), notes=notes, value_range=used)


def as_array(given: npt.NDArray[Any] | Tensor) -> npt.NDArray[Any]:
    """An array as it is, or a tensor's; float32 for the floats that numpy lacks (bfloat16)."""
    if not isinstance(given, Tensor):
        return np.asarray(given)
    given = given.detach().cpu()
    known = given if given.dtype not in (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2) else given.float()
    found: npt.NDArray[Any] = known.numpy()
    return found


def _channels_first(array: npt.NDArray[Any], name: str) -> tuple[npt.NDArray[Any], str]:
    """Images (n, channels, height, width), and what was assumed about the order of their axes."""
    if array.ndim == 3:
        return array[:, None], ""
    first, last = array.shape[1] in CHANNELS, array.shape[3] in CHANNELS
    if first:
        return array, f"{array.shape} taken as (n, channels, height, width)" if last and array.shape[1] != array.shape[3] else ""
    if last:
        return array.transpose(0, 3, 1, 2), ""
    four = next((axis for axis in (1, 3) if array.shape[axis] in (2, 4)), None)
    hint = "" if four is None else "; drop the alpha channel, or blend it with a background, first"
    raise DataError(f"{name} has shape {array.shape}, and images have 1 or 3 channels, as the second axis or the last{hint}")


def _levels(images: npt.NDArray[Any], name: str, value_range: ValueRange | None) -> tuple[npt.NDArray[np.uint8], str, ValueRange]:
    """Images as levels from 0 to 255, a note on the range if it was assumed, and the range."""
    if images.dtype == np.uint8 and value_range in (None, (0, 255)):
        return images, "", (0, 255)
    if images.dtype.kind == "f":
        _check_finite(images, name)
    low, high = float(images.min()), float(images.max())
    black, white = value_range or _range(images, name, low, high)
    if not white > black:
        raise DataError(f"value_range = ({black:g}, {white:g}): the value of black comes first; for example (-1, 1)")
    native = np.float32 if np.can_cast(images.dtype, np.float32, "safe") else np.float64  # as ganbench.sampling.to_uint8 rounds
    levels = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), 256):  # in parts, so that memory does not double
        part = images[start : start + 256].astype(native)
        levels[start : start + 256] = np.rint((np.clip(part, black, white) - native(black)) * native(255 / (white - black)))
    outside = " (values outside are clipped)" if low < black or high > white else ""
    if value_range is None or outside:
        told = f"{_kind(images)} from {low:.3g} to {high:.3g} taken as images in [{black:g}, {white:g}]{outside}"
        return levels, told, (black, white)
    return levels, "", (black, white)


def _range(images: npt.NDArray[Any], name: str, low: float, high: float) -> ValueRange:
    """The values of black and white that the values of images tell; raises where they may be several."""
    found = f"{name} holds {_kind(images)} from {low:.3g} to {high:.3g}"
    if images.dtype.kind != "f":
        if low >= 0 and (high > 1 or images.dtype.kind == "b") and high <= 255:
            return (0, 1) if images.dtype.kind == "b" else (0, 255)
        raise DataError(f"{found}, and whole numbers are levels from 0 to 255; give value_range=(0, 1), say, if black and white are others")
    if -UNDERSHOOT < low < 0 and high <= 1 + UNDERSHOOT:
        raise DataError(f"{found}, which may be images in [0, 1] or in [-1, 1]; say which by value_range=(0, 1) or value_range=(-1, 1)")
    if low >= 0 and high <= 1 + UNDERSHOOT:
        return (0, 1)
    if low >= -1 - OVERSHOOT and high <= 1 + OVERSHOOT:
        return (-1, 1)
    if low >= 0 and high <= 255:
        return (0, 255)
    raise DataError(
        f"{found}; images lie in [0, 1], [-1, 1] or [0, 255]; if these are right, name theirs: value_range=({low:.3g}, {high:.3g})"
    )


def _kind(images: npt.NDArray[Any]) -> str:
    return "floats" if images.dtype.kind == "f" else "whole numbers"


def _check_finite(array: npt.NDArray[Any], name: str) -> None:
    if not np.isfinite(array).all():
        raise DataError(f"{name} holds values that are not finite; look at the generator, or leave those examples out")
