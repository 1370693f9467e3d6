"""Which data sets have a thousand modes that a classifier can count?

Three independently drawn digits are the colour channels of one image (Metz et al. 2017; Srivastava et al. 2017, "VEEGAN"); the mode
is the three-digit number. Training stacks use training digits and held-out stacks held-out digits, so no held-out digit is
used in training; PacGAN draws both from all 70,000. The seed of the draws is fixed, independent of the run's.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganbench.data.bundled import digits
from ganbench.data.dataset import ClassModes, Dataset, DataShape, Split
from ganbench.data.fingerprint import fingerprint
from ganbench.data.loader import loader
from ganbench.data.torchvision_sets import MNIST_FILES, mnist
from ganbench.errors import DataError
from ganbench.plan.spec import DatasetSpec

N_HELD_OUT = 26_000
"""Number of samples on which published tables count modes."""
SEED = 1000


# paper: 50 epochs of 128,000 (PacGAN, section 4.2)
@loader(budgets={"smoke": 5_120, "short": 512_000, "standard": 2_560_000, "paper": 6_400_000}, files=(f"MNIST/raw/{MNIST_FILES[0]}",))
def stacked_mnist(spec: DatasetSpec, root: Path) -> Dataset:
    """128,000 stacks of three MNIST digits as RGB, 28x28, 1,000 modes; 26,000 held out.

    The number and the size of the stacks are those of PacGAN's experiment (Lin et al. 2018, section 4.2).

    Args:
        spec: ``resolution`` None keeps 28.
        root: Folder of ``MNIST/raw``, present or downloaded.

    Raises:
        DataError: The spec asks for 1 channel, or MNIST cannot be loaded.
    """
    return _stacked(spec, mnist(_grey(spec), root), 128_000, "stacked-mnist-probe")


@loader(budgets={"smoke": 5_120, "short": 256_000, "standard": 2_560_000})
def stacked_digits(spec: DatasetSpec, root: Path) -> Dataset:
    """64,000 stacks of three handwritten digits as RGB, 16x16, 1,000 modes; no download.

    Args:
        spec: ``resolution`` None is 16.
        root: Not used.

    Raises:
        DataError: The spec asks for 1 channel.
    """
    return _stacked(spec, digits(_grey(spec), root), 64_000, "stacked-digits-probe")


def _grey(spec: DatasetSpec) -> DatasetSpec:
    if spec.channels not in (None, 3):
        raise DataError(f"dataset {spec.name!r}: stacks have 3 channels, not {spec.channels}; set channels = 3 or remove it")
    return DatasetSpec(name=spec.name, resolution=spec.resolution)


def _stacked(spec: DatasetSpec, single: Dataset, n_train: int, classifier: str) -> Dataset:
    random = np.random.PCG64(SEED)
    train, held_out = _stacks(single.train, n_train, random), _stacks(single.held_out, N_HELD_OUT, random)
    return Dataset(
        name=spec.name,
        shape=DataShape(size=train.examples.shape[1:], classes=1000),
        train=train,
        held_out=held_out,
        fingerprint=fingerprint(train, held_out),
        class_names=tuple(f"{mode:03d}" for mode in range(1000)),
        modes=ClassModes(count=1000, classifier=classifier),
    )


def _stacks(single: Split, n: int, random: np.random.PCG64) -> Split:
    """Stacks of three digits each; the first is the red channel and gives the hundreds of the mode.

    Uses raw outputs modulo the number of digits, because numpy guarantees the same raw outputs in every release.
    """
    chosen = (random.random_raw(3 * n) % np.uint64(len(single))).astype(np.int64).reshape(n, 3)
    examples: npt.NDArray[np.uint8] = np.ascontiguousarray(single.examples[chosen, 0])
    assert single.labels is not None
    return Split(examples=examples, labels=single.labels[chosen] @ np.array([100, 10, 1]))
