"""How is an image file decoded to 8-bit pixels?

Protocol: Pillow decodes the first frame; an alpha channel is dropped, not blended; palettes and 1-bit images are
expanded; colour profiles and EXIF orientation are ignored. Images with more than 8 bits per channel are refused,
because every conversion to 8 bits changes scores.
"""

import io
import logging
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganbench.data.limits import PIXELS_LIMIT
from ganbench.data.resize import planes, square
from ganbench.errors import DataError

logging.getLogger("PIL").addHandler(logging.NullHandler())  # what Pillow logs of damaged files is told by the error
FORMATS = ("BMP", "DIB", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
ALPHA, PALETTE, FRAMES = "alpha channel dropped", "palette expanded", "first of several frames taken"
_TARGETS = {"1": "L", "L": "L", "LA": "L", "La": "L", "P": "RGB", "PA": "RGB", "RGB": "RGB", "RGBA": "RGB", "RGBa": "RGB", "RGBX": "RGB"}


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """An image whose header has been read and accepted, and whose pixels have not been decoded."""

    where: str
    image: Image.Image
    channels: int
    """Number of channels after decoding, 1 or 3."""
    changes: tuple[str, ...]
    """What decoding will change, worded for a note."""

    def size(self, resolution: int | None) -> tuple[int, int, int]:
        """Shape (channels, height, width) of the result of :meth:`pixels`."""
        width, height = (resolution, resolution) if resolution else self.image.size
        return self.channels, height, width

    def pixels(self, resolution: int | None, channels: int) -> npt.NDArray[np.uint8]:
        """Decodes the pixels, and resizes them by ``resize.square`` if a resolution is given.

        Args:
            resolution: Height and width in pixels; None keeps the image's own.
            channels: 1, or 3; a grey image is repeated to 3.

        Returns:
            uint8 (channels, height, width).

        Raises:
            DataError: The file is corrupt or truncated.
        """
        mode = "L" if self.channels == 1 else "RGB"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                image = self.image if self.image.mode == mode else self.image.convert(mode)
                found = planes(square(image, resolution) if resolution else image)
                return found if len(found) == channels else np.repeat(found, channels, axis=0)
        except Exception as error:  # Pillow's decoders raise many types of errors
            raise _corrupt(self.where, error) from None


def encoded(data: bytes, where: str) -> Encoded:
    """Reads the header of an image file.

    Args:
        data: The whole file.
        where: Name of the file, for error messages.

    Raises:
        DataError: The file is no image, is damaged or too large, or cannot become 8-bit grey or RGB.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(_oversize(where)) from None
    except Exception as error:  # see Encoded.pixels
        raise _corrupt(where, error) from None
    if image.width * image.height > PIXELS_LIMIT:
        raise DataError(_oversize(where))
    if _deep(image, data):
        raise DataError(f"{where} has more than 8 bits a channel (mode {image.mode}); convert it to 8-bit grey or RGB")
    if image.mode not in _TARGETS:
        raise DataError(f"{where} has mode {image.mode}; convert it to 8-bit grey or RGB")
    return Encoded(where=where, image=image, channels=1 if _TARGETS[image.mode] == "L" else 3, changes=_changes(image, where))


def _changes(image: Image.Image, where: str) -> tuple[str, ...]:
    """What decoding will change."""
    try:
        found = {
            ALPHA: image.has_transparency_data,
            PALETTE: image.mode in ("P", "PA"),
            FRAMES: getattr(image, "is_animated", False),
        }
    except Exception as error:  # see Encoded.pixels; later frames may be damaged too
        raise _corrupt(where, error) from None
    return tuple(change for change, applies in found.items() if applies)


def _deep(image: Image.Image, data: bytes) -> bool:
    """Whether channels have more than 8 bits; read from the file, because Pillow silently reduces 16-bit RGB."""
    if image.mode.startswith(("I", "F")):
        return True
    if image.format == "PNG":
        return data[24] == 16
    bits = getattr(image, "tag_v2", {}).get(258, 8) if image.format == "TIFF" else 8
    return bool(np.max(bits) > 8)


def _oversize(where: str) -> str:
    return f"{where} has more than {PIXELS_LIMIT:,} pixels; shrink or remove it"


def _corrupt(where: str, error: Exception) -> DataError:
    reason = "not an image that can be read" if type(error).__name__ == "UnidentifiedImageError" else " ".join(str(error).split())
    return DataError(f"{where} is damaged or cut short ({reason or type(error).__name__}); replace or remove it")
