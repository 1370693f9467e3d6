"""What does a run leave for people to look at? (``gallery/``: pictures of its generator, and numbers that become figures)

Nothing in a gallery is ranked, and a run without one, such as that of an older version, is as valid as any other.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ganbench.errors import RequestError
from ganbench.plan.validation import validated
from ganbench.storage import read_json, write_json

SCHEMA_VERSION = 1
FOLDER, FILE = "gallery", "gallery.json"
INTERPOLATION, TRUNCATION, DIRECTIONS, COPIES = "interpolation.png", "truncation.png", "directions.png", "copies.png"
"""Pictures in the folder, each a grid of images."""
MOST = 1e12
"""Largest number in a gallery."""
SCORED = ("train", "held_out", "fake")
"""Sets of examples of which the discriminator is asked, in the order in which they are shown."""


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How many values lie in every bin, for several sets of values."""

    edges: tuple[float, ...]
    """Ends of the bins, ascending, one more than there are bins."""
    counts: Mapping[str, tuple[int, ...]]
    """By set, the number of values in every bin."""


@dataclass(frozen=True, kw_only=True)
class Modes:
    """How the examples are distributed over the modes or classes of the data."""

    names: tuple[str, ...]
    """Names of classes, or numbers of modes."""
    expected: tuple[float, ...]
    """Share of every mode in the data."""
    generated: tuple[float, ...]
    """Share of the generated examples in every mode; less than 1 in sum where some belong to none."""


@dataclass(frozen=True, kw_only=True)
class NearPair:
    """A generated example and the training example that is nearest to it."""

    distance: float
    """Of their features."""
    ratio: float | None
    """The distance as a multiple of the training example's distance to its nearest other training example; None if that has a copy."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """What is said of a grid of images whose columns follow a path."""

    columns: tuple[str, ...]
    """What each column shows (share of a path, truncation)."""
    measured: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The numbers of a gallery; what the data or the method do not allow is None."""

    schema_version: int = SCHEMA_VERSION
    images_seen: int
    examples: int
    """Number of generated examples that curves and shares are computed from, of EMA weights."""
    discriminator: Histogram | None = None
    """Values of the discriminator on training, held-out and generated examples, of the raw weights."""
    precision: tuple[float, ...] = ()
    """Precision along the curve of attainable pairs (Sajjadi et al. 2018, section 3.3), in the order of ``recall``."""
    recall: tuple[float, ...] = ()
    modes: Modes | None = None
    spectrum: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Mean log10 power by radial frequency, of ``real`` and ``fake`` images (see :mod:`ganbench.diagnostics.frequencies`)."""
    interpolation: Strip | None = None
    truncation: Strip | None = None
    directions: Strip | None = None
    """One latent, moved along the directions in which images change most (SeFa), a row each."""
    copies: tuple[NearPair, ...] = ()
    """The pairs of ``copies.png``, in order, the most suspicious first."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """By part, why it could not be made."""


def write_gallery(run: Path, gallery: Gallery) -> None:
    """Writes the numbers into the folder of a run."""
    (run / FOLDER).mkdir(parents=True, exist_ok=True)
    write_json(run / FOLDER / FILE, asdict(gallery))


def read_gallery(run: Path) -> Gallery | None:
    """The gallery of a run; None if the run has none.

    Raises:
        RequestError: The file is no gallery, or that of a newer version.
    """
    path = run / FOLDER / FILE
    if not path.exists():
        return None
    data: dict[str, Any] = read_json(path)
    if data.get("schema_version") != SCHEMA_VERSION:
        raise RequestError(
            f"{path}: gallery of schema {data.get('schema_version')}; this ganbench reads {SCHEMA_VERSION}, so update ganbench"
        )
    found: Gallery = validated(Gallery, data, str(path))
    if fault := _fault(found):
        raise RequestError(f"{path}: damaged, {fault}")
    return found


def _fault(gallery: Gallery) -> str:
    """What parts of a gallery do not fit together, in words; empty if they do."""
    values = gallery.discriminator
    if values:
        rising = len(values.edges) > 1 and all(a < b for a, b in zip(values.edges, values.edges[1:], strict=False))
        sides = all(name in values.counts for name in SCORED) and all(len(side) == len(values.edges) - 1 for side in values.counts.values())
        if not (rising and sides and all(count >= 0 for side in values.counts.values() for count in side)):
            return "bins and counts of the discriminator's values do not fit together"
    if len(gallery.precision) != len(gallery.recall):
        return "precision and recall have different lengths"
    modes = gallery.modes
    if modes and not 0 < len(modes.names) == len(modes.expected) == len(modes.generated):
        return "names and shares of modes have different lengths"
    spectra = gallery.spectrum
    if spectra and (set(spectra) != {"real", "fake"} or not 0 < len(spectra["real"]) == len(spectra["fake"])):
        return "the spectra do not fit together"
    numbers = (*(values.edges if values else ()), *gallery.precision, *gallery.recall, *(modes.expected + modes.generated if modes else ()))
    if any(abs(one) > MOST for one in (*numbers, *(one for side in gallery.spectrum.values() for one in side))):
        return f"a number is larger than {MOST:g}"
    return ""
