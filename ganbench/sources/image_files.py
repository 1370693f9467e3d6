"""How are image files decoded while the network computes features?"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganbench.content import content_hash
from ganbench.data.decode import Encoded, encoded
from ganbench.data.folders import list_folder
from ganbench.data.images import Listing
from ganbench.data.zips import list_zip, open_zip
from ganbench.errors import DataError
from ganbench.sets.source import Source


class FileSource(Source):
    """Images of a folder or a zip archive, decoded on demand.

    Args:
        name: The name as the user wrote it.
        path: An existing folder or zip archive.
        resolution: Height and width in pixels; None keeps the files' own, which must be equal.
        workers: Number of decoding threads; Pillow releases the interpreter lock while it decodes.

    Raises:
        DataError: There are no images, or the first one is unusable.
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
        self.labels = None if self.listing.labels is None else torch.from_numpy(self.listing.labels)
        self.class_names = self.listing.class_names
        self.first = self._header(0)
        self.changes: Counter[str] = Counter()
        self._pool = self._open.enter_context(ThreadPoolExecutor(workers))

    def __len__(self) -> int:
        return len(self.listing.files)

    def at(self, indices: Sequence[int]) -> Tensor:
        """Decodes the images at these indices.

        Raises:
            DataError: A file is unusable, or has another size or number of channels than the first.
        """
        return torch.from_numpy(np.stack(list(self._pool.map(self._pixels, indices))))

    def close(self) -> None:
        """Closes the archive, ends the threads, and adds notes on what decoding changed."""
        self._open.close()
        if self.changes:
            self.notes += [f"{change} in {count} of {len(self)} images" for change, count in sorted(self.changes.items())]
            self.changes.clear()

    def _header(self, index: int) -> Encoded:
        file = self.listing.files[index]
        return encoded(file.read(), f"{self.listing.where}: image {file.name!r}")

    def _pixels(self, index: int) -> npt.NDArray[np.uint8]:
        image = self._header(index)
        expected = self.first.size(self.resolution)
        if image.size(self.resolution) != expected:
            shapes = ["x".join(map(str, size)) for size in (image.size(self.resolution), expected)]
            raise DataError(
                f"{image.where} is {shapes[0]} and the first image is {shapes[1]} (channels x height x width); "
                "convert all to grey or all to RGB, and give --resolution N to crop and resize them alike"
            )
        self.changes.update(image.changes)
        return image.pixels(self.resolution)
