"""Which data are there where nothing is to be learned? (images of any size, for timings)"""

from pathlib import Path

import numpy as np

from ganbench.data.dataset import Dataset, DataShape, Split
from ganbench.data.fingerprint import fingerprint
from ganbench.data.loader import loader
from ganbench.plan.spec import DatasetSpec

SIDE, CHANNELS, CLASSES = 32, 3, 10
N_TRAIN, N_HELD_OUT = 4_096, 256
LARGEST_BYTES = 2**28
"""Of all training images together: of large ones there are fewer."""


@loader()
def noise(spec: DatasetSpec, root: Path) -> Dataset:
    """Uniformly random pixels in 10 classes, 3 channels of 32x32 or as asked: for timings, which need no content (`ganbench bench`).

    Drawn by numpy's PCG64 with seed 0.

    Args:
        spec: ``resolution`` and ``channels`` give the size.
        root: Not used.
    """
    side = spec.resolution or SIDE
    size = (spec.channels or CHANNELS, side, side)
    n_train = min(N_TRAIN, max(N_HELD_OUT, LARGEST_BYTES // int(np.prod(size))))
    numbers = np.random.Generator(np.random.PCG64(0))
    train, held_out = (
        Split(examples=numbers.integers(0, 256, (n, *size), dtype=np.uint8), labels=np.arange(n, dtype=np.int64) % CLASSES)
        for n in (n_train, N_HELD_OUT)
    )
    shape = DataShape(size=size, classes=CLASSES)
    names = tuple(map(str, range(CLASSES)))
    return Dataset(name="noise", shape=shape, train=train, held_out=held_out, fingerprint=fingerprint(train, held_out), class_names=names)
