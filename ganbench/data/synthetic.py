"""Which synthetic 2-D mixtures have modes that can be counted exactly?

They are equally weighted isotropic Gaussians, with 100,000 training points and 20,000 held-out ones. Centres and
widths are those of PacGAN's synthetic experiments (Lin et al. 2018, section 4.1), whose ring has 8 distinct
centres; some public copies include both ends of the circle and have only 7. The points have a fixed seed and do not
depend on the run's.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganbench.data.dataset import Dataset, DataShape, ModeSet, Split
from ganbench.data.fingerprint import fingerprint
from ganbench.data.loader import loader
from ganbench.errors import RequestError
from ganbench.plan.budgets import Budget
from ganbench.plan.spec import DatasetSpec

N_TRAIN = 100_000
N_HELD_OUT = 20_000
BUDGETS: dict[Budget, int] = {"smoke": 51_200, "short": 768_000, "standard": 7_680_000, "paper": 40_000_000}
"""Short: 3,000 steps of 256, with which this project's reference magnitudes were measured; paper: 400 epochs of 100,000 (PacGAN, 4.1)."""


@loader(budgets=BUDGETS)
def ring8(spec: DatasetSpec, root: Path) -> Dataset:
    """8 Gaussians on the unit circle, sigma 0.01 (2-D points).

    Centres at angle 2 pi k / 8, k = 0..7; drawn by numpy's PCG64 with seed 8.

    Args:
        spec: Neither ``resolution`` nor ``channels`` may be set.
        root: Not used.

    Raises:
        RequestError: The spec asks for images.
    """
    angles = 2 * np.pi * np.arange(8) / 8
    return _mixture(spec, np.stack([np.cos(angles), np.sin(angles)], axis=1), sigma=0.01)


@loader(budgets=BUDGETS)
def grid25(spec: DatasetSpec, root: Path) -> Dataset:
    """25 Gaussians on the grid {-4, -2, 0, 2, 4} squared, sigma 0.05 (2-D points).

    Drawn by numpy's PCG64 with seed 25.

    Args:
        spec: Neither ``resolution`` nor ``channels`` may be set.
        root: Not used.

    Raises:
        RequestError: The spec asks for images.
    """
    axis = np.arange(-4.0, 5.0, 2.0)
    return _mixture(spec, np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2), sigma=0.05)


def _mixture(spec: DatasetSpec, centres: npt.NDArray[np.float64], sigma: float) -> Dataset:
    """Draws both splits, the training one first, from PCG64 seeded with the number of modes."""
    for key in ("resolution", "channels"):
        if getattr(spec, key) is not None:
            raise RequestError(f"dataset {spec.name!r}: {key} = {getattr(spec, key)} has no meaning for 2-D points; remove it")
    generator = np.random.Generator(np.random.PCG64(len(centres)))
    train, held_out = (_draw(generator, centres, sigma, n) for n in (N_TRAIN, N_HELD_OUT))
    return Dataset(
        name=spec.name,
        shape=DataShape(size=(centres.shape[1],)),
        train=train,
        held_out=held_out,
        fingerprint=fingerprint(train, held_out),
        modes=ModeSet(centres=centres, sigma=sigma),
    )


def _draw(generator: np.random.Generator, centres: npt.NDArray[np.float64], sigma: float, n: int) -> Split:
    modes = generator.integers(len(centres), size=n)
    points = centres[modes] + sigma * generator.standard_normal((n, centres.shape[1]))
    return Split(examples=points.astype(np.float32))
