"""How much memory may untrusted files use?

Every size is checked from a header before memory of that size is allocated, and reads are bounded in case a header
is false.
"""

import math
from collections.abc import Sequence

from ganbench.errors import DataError

PIXELS_LIMIT = 2**26
"""Largest number of pixels of one image (8192 x 8192); below Pillow's limit for decompression bombs."""
FILE_LIMIT_BYTES = 2**28
"""Largest size of one encoded image or label file."""
DECODED_LIMIT_BYTES = 2**32
"""Largest size of all decoded images of a data set together, after the resize."""
STREAM_PIXELS_LIMIT = 2**40
"""Largest number of pixels of all images of a folder or archive together, before a resize; ImageNet at full size has a fifth of it."""
LABEL_FILE_LIMIT_BYTES = 2**26
"""Largest size of a file of labels; that of ImageNet takes 50 MB."""
EXPANDED_LIMIT_BYTES = 2**28
"""Largest size of arrays that a file may hold in compressed form however small it is."""
EXPANSION_LIMIT = 100
"""Largest ratio of the arrays' size to the file's beyond that; CIFAR-10's images have 1.1, and 1,032 is the most that deflate reaches."""
WIDTH_LIMIT = 2**14
"""Largest number of features of statistics, whose covariance then takes 2 GiB; the widest published network has 4,096."""
CLASSES_LIMIT = 2**16
"""Largest number of classes of a data set."""
METHOD_LIMIT_BYTES = 2**33
"""Largest size of the networks that the header of a file of weights may ask for; StyleGAN2's at 1024 x 1024 take 0.23 GiB."""


def check_decoded(where: str, shape: Sequence[int]) -> None:
    """Raises if uint8 images exceed ``DECODED_LIMIT_BYTES``.

    Args:
        where: Name of the data set or its path, for the error message.
        shape: (n, channels, height, width).

    Raises:
        DataError: They exceed it.
    """
    needed_bytes = math.prod(shape)
    if needed_bytes > DECODED_LIMIT_BYTES:
        size = "x".join(map(str, shape))
        raise DataError(
            f"{where}: {size} images take {needed_bytes / 2**30:,.1f} GiB and the limit is {DECODED_LIMIT_BYTES / 2**30:,.0f} GiB; "
            "set a smaller resolution = N, or use fewer images"
        )
