"""How do image files become one array?"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ganbench.data.decode import encoded
from ganbench.data.images import Content, ImageFile, Listing, black
from ganbench.data.limits import check_decoded
from ganbench.data.survey import survey
from ganbench.errors import DataError


def content_of(listing: Listing, resolution: int | None, headers_only: bool) -> Content:
    """Decodes all images of a folder or archive, after a look at all headers.

    Args:
        listing: The images.
        resolution: Height and width in pixels; None keeps the files' own.
        headers_only: Whether the images are only black placeholders, and not decoded.

    Raises:
        DataError: Images are unusable, or of several sizes without a resolution, or exceed the limit of memory.
    """
    found = survey(listing.files, resolution, listing.where)
    shape = (len(listing.files), *found.size)
    check_decoded(listing.where, shape)
    images = black(shape) if headers_only else stacked(listing.files, found.size, resolution, listing.where)
    return Content(images=images, labels=listing.labels, class_names=listing.class_names, notes=listing.notes + found.notes)


def stacked(files: Sequence[ImageFile], size: tuple[int, int, int], resolution: int | None, where: str) -> npt.NDArray[np.uint8]:
    """Decodes image files into one array.

    Args:
        files: At least one image.
        size: (channels, height, width) of the decoded images, from their headers (see :mod:`ganbench.data.survey`).
        resolution: Height and width in pixels; None keeps the files' own.
        where: Name of the folder or archive, for error messages.

    Returns:
        uint8 (n, channels, height, width) in the order of ``files``.

    Raises:
        DataError: A file is damaged.
    """
    images = np.empty((len(files), *size), np.uint8)
    for index, file in enumerate(files):
        images[index] = decoded(file, size, resolution, where)
    return images


def decoded(file: ImageFile, size: tuple[int, int, int], resolution: int | None, where: str) -> npt.NDArray[np.uint8]:
    """Decodes one image file to a size that its header has promised.

    Raises:
        DataError: The file is damaged, or has changed since its header was read.
    """
    image = encoded(file.read(), f"{where}: image {file.name!r}")
    if (image.size(resolution)[1:], image.channels <= size[0]) != (size[1:], True):
        raise DataError(f"{image.where} has changed while the set was read; wait until it is complete, and try again")
    return image.pixels(resolution, size[0])
