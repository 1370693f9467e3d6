"""How much may files from elsewhere take?

Files are untrusted: every size is checked from a header before anything of that size is allocated, and
reads are bounded, so that a header that lies cannot pass either.
"""

import math
from collections.abc import Sequence

from ganbench.errors import DataError

PIXELS_LIMIT = 2**26
"""Pixels of one image (8192 x 8192); below the number from which Pillow warns of a decompression bomb."""
FILE_LIMIT_BYTES = 2**28
"""Bytes of one encoded image or label file."""
DECODED_LIMIT_BYTES = 2**32
"""Bytes of all decoded images of a data set together, as they are kept (after the resize)."""
CLASSES_LIMIT = 2**16
"""Classes of a data set."""


def check_decoded(where: str, shape: Sequence[int]) -> None:
    """Refuses uint8 images that would not fit.

    Args:
        where: The data set or its path, for the message.
        shape: (n, channels, height, width).

    Raises:
        DataError: They take more than ``DECODED_LIMIT_BYTES``.
    """
    needed_bytes = math.prod(shape)
    if needed_bytes > DECODED_LIMIT_BYTES:
        size = "x".join(map(str, shape))
        raise DataError(
            f"{where}: {size} images take {needed_bytes / 2**30:,.1f} GiB and the limit is {DECODED_LIMIT_BYTES / 2**30:,.0f} GiB; "
            "set a smaller resolution = N, or use fewer images"
        )
