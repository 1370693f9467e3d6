"""How are image files decoded while the network computes features?"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganbench.content import content_hash
from ganbench.data.folders import list_folder
from ganbench.data.images import Listing
from ganbench.data.stacking import decoded
from ganbench.data.survey import survey
from ganbench.data.zips import list_zip, open_zip
from ganbench.sets.classes import Classes
from ganbench.sets.source import Source

BATCH_LIMIT_BYTES = 2**28
"""Largest size of a batch of decoded images, several of which are in memory at a time: images of more than 512 pixels a side are read
in smaller batches than others."""


class FileSource(Source):
    """Images of a folder or a zip archive, decoded on demand.

    Args:
        name: The name as the user wrote it.
        path: An existing folder or zip archive.
        resolution: Height and width in pixels; None keeps the files' own, which must be equal.
        workers: Number of decoding threads; Pillow releases the interpreter lock while it decodes.

    Raises:
        DataError: There are no images, or the header of one says that it is unusable.
    """

    def __init__(self, name: str, path: Path, resolution: int | None, workers: int) -> None:
        super().__init__(name)
        self._open = ExitStack()
        if path.is_dir():
            self.listing: Listing = list_folder(path)
        else:
            self.listing = list_zip(self._open.enter_context(open_zip(path)), repr(str(path)))
        self.resolution = resolution
        self.content = content_hash(path) + (f"@{resolution}" if resolution else "")
        if self.listing.labels is not None:
            self.labels = torch.from_numpy(self.listing.labels)
            self.classes = Classes.of(self.labels, self.listing.class_names)
        found = survey(self.listing.files, resolution, self.listing.where)
        self.form, self.size, self.sizes = found.size, found.size, found.original
        self.largest_batch = fitting(found.size)
        self.notes += [f"{self.listing.where}: {note}" for note in self.listing.notes + found.notes]
        self._pool = self._open.enter_context(ThreadPoolExecutor(workers))

    def __len__(self) -> int:
        return len(self.listing.files)

    def at(self, indices: Sequence[int]) -> Tensor:
        """Decodes the images at these indices.

        Raises:
            DataError: A file is damaged, or has changed since the set was opened.
        """
        return torch.from_numpy(np.stack(list(self._pool.map(self._pixels, indices))))

    def close(self) -> None:
        """Closes the archive and ends the threads."""
        self._open.close()

    def _pixels(self, index: int) -> npt.NDArray[np.uint8]:
        return decoded(self.listing.files[index], self.size, self.resolution, self.listing.where)


def fitting(form: Sequence[int]) -> int:
    """The largest power of two of images of one form that fit into ``BATCH_LIMIT_BYTES``; 1 if not even one does.

    >>> fitting((3, 32, 32)), fitting((3, 1024, 1024)), fitting((3, 8192, 8192))
    (65536, 64, 1)
    """
    return 1 << max(0, (BATCH_LIMIT_BYTES // max(1, math.prod(form))).bit_length() - 1)
