"""Which data set of real images needs no download?"""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganbench.data.dataset import Dataset, DataShape
from ganbench.data.fingerprint import fingerprint
from ganbench.data.loader import loader
from ganbench.data.resize import squares
from ganbench.data.split import held_out_split
from ganbench.errors import DataError
from ganbench.plan.spec import DatasetSpec

DIGITS_RESOLUTION = 16
"""Height and width in pixels, unless the spec gives another resolution; the file has 8."""
DIGITS_LEVELS = 16
"""Highest grey level in the file; the lowest is 0."""


# no paper trains on digits
@loader(budgets={"smoke": 5_120, "short": 48_000, "standard": 640_000})
def digits(spec: DatasetSpec, root: Path) -> Dataset:
    """1,797 real handwritten digits, 16x16 grey, 10 classes (scikit-learn's bundled set; no download).

    Levels 0..16 become round(level x 255 / 16), then ``resize.squares`` resizes 8x8 to the resolution of the spec. A
    fifth is held out (``split.held_out_split``).

    Args:
        spec: ``resolution`` 8 keeps the original size; None is 16.
        root: Not used.

    Raises:
        DataError: The spec asks for 3 channels, or scikit-learn's file is not the expected one.
    """
    if spec.channels not in (None, 1):
        raise DataError(f"dataset {spec.name!r}: digits has 1 channel, not {spec.channels}; set channels = 1 or remove it")
    table = _digits_table()
    if table.shape != (1797, 65) or table.min() < 0 or table[:, :64].max() > DIGITS_LEVELS or table[:, 64].max() > 9:
        raise DataError("digits: scikit-learn's file is not the known set of 1,797 digits; reinstall scikit-learn")
    images = np.rint(table[:, :64] * (255 / DIGITS_LEVELS)).astype(np.uint8).reshape(-1, 1, 8, 8)
    images = squares(images, spec.resolution or DIGITS_RESOLUTION, f"dataset {spec.name!r}")
    train, held_out = held_out_split(images, table[:, 64].astype(np.int64))
    return Dataset(
        name=spec.name,
        shape=DataShape(size=images.shape[1:], classes=10),
        train=train,
        held_out=held_out,
        fingerprint=fingerprint(train, held_out),
        class_names=tuple(map(str, range(10))),
    )


def _digits_table() -> npt.NDArray[np.int64]:
    """Levels and label of every digit (1797, 65).

    Reads the file in scikit-learn's package, which takes a hundredth of the second that importing
    ``sklearn.datasets`` takes; that is imported only if the file is not in its usual place.
    """
    package = find_spec("sklearn")
    for folder in (package.submodule_search_locations or ()) if package else ():
        packaged = Path(folder, "datasets", "data", "digits.csv.gz")
        if packaged.is_file():
            with gzip.open(packaged, "rt") as lines:
                return np.loadtxt(lines, delimiter=",").astype(np.int64)
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target]).astype(np.int64)
