"""What is there to look at when a run ends? (pictures and curves of its last weights, which rank nothing)

A gallery observes: it draws from streams of its own and changes no weight. A part that cannot be made is named with the reason, and the
run is as good without it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganbench import seeding
from ganbench.data.dataset import Dataset
from ganbench.diagnostics.base import Case
from ganbench.diagnostics.classes import class_histogram
from ganbench.diagnostics.copies import nearest_of, suspicious_pairs
from ganbench.diagnostics.frequencies import radial_power
from ganbench.diagnostics.modes import mode_counts
from ganbench.diagnostics.networks import discriminator_values
from ganbench.errors import GanbenchError
from ganbench.evaluation.runs import RunEvaluator, reference_examples
from ganbench.latents.figures import LatentAtlas, LatentFigure
from ganbench.metrics.prd import attainable
from ganbench.results.gallery import (
    COPIES,
    DIRECTIONS,
    FOLDER,
    INTERPOLATION,
    SCORED,
    TRUNCATION,
    Gallery,
    Histogram,
    Modes,
    NearPair,
    Strip,
    write_gallery,
)
from ganbench.results.samples import save_grid
from ganbench.sampling import VariantLatents, asked_labels, observed, sample
from ganbench.sets.moments import evenly
from ganbench.training.variant import Variant

EXAMPLES = 1_000
"""Largest number of generated examples that curves and shares are computed from."""
BINS = 24
"""Bins of the discriminator's values; the outermost hold the outer per cent of the values on either side."""
ANGLES = 61
"""Points of the curve of attainable precision and recall."""
ROWS, COLUMNS = 4, 9
"""Paths between latents, and images on each."""
PAIRS = 8
"""Generated images that are shown beside their nearest training images."""
NAMED_MODES = 100
"""Largest number of modes whose shares are kept one by one."""


@dataclass
class Subject:
    """A run at its end."""

    variant: Variant
    ema: nn.Module
    """The generator with its averaged weights."""
    dataset: Dataset
    evaluator: RunEvaluator
    seed: int
    device: torch.device
    class_shares: Tensor | None

    @cached_property
    def case(self) -> Case:
        """The first of the examples that the run's scores are of, as diagnostics see them."""
        n = min(EXAMPLES, self.evaluator.plan.n_fake)
        examples = sample(self.variant, n, self.seed, self.device, generator=self.ema, class_shares=self.class_shares)
        labels = asked_labels(self.variant, n, self.seed, self.device, self.class_shares)
        return self.evaluator.case(examples, labels, VariantLatents(self.variant, self.device, self.ema))

    @property
    def examples(self) -> Tensor:
        """The examples of the case."""
        assert self.case.examples is not None
        return self.case.examples

    @cached_property
    def reference(self) -> Tensor:
        """The examples of the reference set, in the order of its features."""
        return reference_examples(self.dataset, self.evaluator.plan)


def make_gallery(subject: Subject, run: Path, images_seen: int) -> Gallery:
    """Makes the gallery of a run and writes it into its folder.

    Args:
        subject: The run.
        run: Its folder.
        images_seen: Images seen until now.

    Returns:
        The numbers of the gallery.
    """
    folder = run / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Callable[[Subject, Path], dict[str, Any]]] = {
        "discriminator": _discriminator,
        "precision and recall": _curve,
        "modes": _modes,
        "spectrum": _spectrum,
        "latents": _strips,
        "copies": _copies,
    }
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for name, part in parts.items():
        try:
            found |= part(subject, folder)
        except (GanbenchError, ValueError, RuntimeError) as error:  # of a method that allows less than the contract asks for
            if "memory" in str(error).lower():
                raise  # a fault of the machine
            left_out[name] = str(error).splitlines()[0] if str(error) else type(error).__name__
    gallery = Gallery(images_seen=images_seen, examples=min(EXAMPLES, subject.evaluator.plan.n_fake), left_out=left_out, **found)
    write_gallery(run, gallery)
    return gallery


def _discriminator(subject: Subject, folder: Path) -> dict[str, Any]:
    values = discriminator_values(subject.variant, subject.dataset, subject.seed, subject.device, subject.class_shares)
    return {"discriminator": histogram({name: values[name].double().numpy() for name in SCORED})}


def histogram(values: dict[str, Any]) -> Histogram:
    """Counts of several sets of values in common bins from their 1st to their 99th percentile; the outermost hold what lies outside."""
    finite = {name: side[np.isfinite(side)] for name, side in values.items()}
    low, high = np.percentile(np.concatenate([*finite.values()]), (1, 99))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    counts = {name: np.histogram(np.clip(side, low, high), edges)[0] for name, side in finite.items()}
    return Histogram(edges=tuple(edges.tolist()), counts={name: tuple(map(int, found)) for name, found in counts.items()})


def _curve(subject: Subject, folder: Path) -> dict[str, Any]:
    comparison = subject.case.comparison
    real, fake = comparison.real.values, comparison.fake.values
    chosen = evenly(len(real), min(len(real), len(fake)))
    precision, recall = attainable(real[chosen], fake, seeding.stream(subject.seed, "gallery/prd"), ANGLES)
    return {"precision": _rounded(precision), "recall": _rounded(recall)}


def _modes(subject: Subject, folder: Path) -> dict[str, Any]:
    case, n = subject.case, len(subject.examples)
    names: tuple[str, ...] = ()
    if case.modes is not None and len(case.modes.centres) <= NAMED_MODES:
        counts = mode_counts(subject.examples.double(), case.modes).high_quality
        expected = torch.full((len(counts),), 1 / len(counts))
        names = tuple(str(number) for number in range(len(counts)))
    elif case.class_shares is not None and case.comparison.fake.log_probabilities is not None:
        counts, expected = class_histogram(case.comparison.fake.log_probabilities), case.class_shares
        names = tuple(subject.evaluator.extractor.class_names)
    if not names or len(names) > NAMED_MODES:
        return {}
    return {"modes": Modes(names=names, expected=_rounded(expected), generated=_rounded(counts / n))}


def _spectrum(subject: Subject, folder: Path) -> dict[str, Any]:
    if not subject.dataset.shape.is_image or min(subject.examples.shape[-2:]) < 4:
        return {}
    real = subject.reference[evenly(len(subject.reference), min(EXAMPLES, len(subject.reference)))]
    return {"spectrum": {"real": _rounded(radial_power(real)), "fake": _rounded(radial_power(subject.examples))}}


def _strips(subject: Subject, folder: Path) -> dict[str, Any]:
    """Paths between latents, the same latents under rising truncation, and one latent along the main directions."""
    if not subject.dataset.shape.is_image:
        return {}
    with observed(subject.variant, subject.ema) as shown:
        atlas = LatentAtlas(shown, subject.seed, ROWS, COLUMNS)
        found = {"interpolation": _strip(atlas.interpolation(straight=False), folder / INTERPOLATION)}
        for figure in atlas.truncation():
            found["truncation"] = _strip(figure, folder / TRUNCATION)
        for figure in atlas.directions():
            found["directions"] = _strip(figure, folder / DIRECTIONS)
    return found


def _strip(figure: LatentFigure, path: Path) -> Strip:
    save_grid(figure.images, path, figure.columns)
    measured = {name: value for name, value in figure.measured.items() if math.isfinite(value)}
    return Strip(columns=figure.across, measured=measured)


def _copies(subject: Subject, folder: Path) -> dict[str, Any]:
    if not subject.dataset.shape.is_image or subject.evaluator.plan.reference != "train":
        return {}
    pairs = suspicious_pairs(nearest_of(subject.case.comparison), PAIRS)
    both = [image for pair in pairs for image in (subject.examples[pair.example].cpu(), subject.reference[pair.training])]
    save_grid(torch.stack(both).numpy(), folder / COPIES, 2)
    return {"copies": tuple(NearPair(distance=pair.distance, ratio=pair.ratio) for pair in pairs)}


def _rounded(values: Tensor) -> tuple[float, ...]:
    """Values for a figure, in few letters."""
    return tuple(round(value, 5) for value in values.double().cpu().tolist())
